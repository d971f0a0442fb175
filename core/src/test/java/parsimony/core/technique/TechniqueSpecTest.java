package parsimony.core.technique;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

class TechniqueSpecTest {
    private static final List<Technique<?>> KNOWN = List.of(new Probe("probe"), new Probe("other"));

    @ParameterizedTest
    @ValueSource(
            strings = {
                "probe",
                "probe:bits=3",
                "probe:pattern=2:4",
                "probe:bits=-1,damping=0.05,limit=inf,exact=true,level=fine-grained,label=x y",
                "probe:scaleBits=none",
                "probe:pattern=2:4+other:bits=2+probe",
                "probe:limit=-inf",
                "probe:damping=1.5E-5",
            })
    void writesWhatItRead(String text) {
        assertThat(parse(text)).hasToString(text);
    }

    @ParameterizedTest
    @CsvSource({
        "probe:, probe",
        "probe:bits=4, probe",
        "' probe : bits = 2 + other ', probe:bits=2+other",
        "'probe:exact=true,bits=2', 'probe:bits=2,exact=true'",
        "probe:damping=2e+3, probe:damping=2000",
        "probe:damping=.50, probe:damping=0.5",
        "probe:pattern=none, probe",
    })
    void writesOneCanonicalForm(String text, String canonical) {
        assertThat(parse(text)).hasToString(canonical);
        assertThat(parse(canonical)).isEqualTo(parse(text));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "prob | there is no technique 'prob' (did you mean 'probe'?); there are probe, other",
                "gptq:bits=2 | there is no technique 'gptq'; there are probe, other",
                "probe+ | 'probe+' lacks the name of a technique: write name:option=value",
                "probe:bit=2 | probe has no option 'bit' (did you mean 'bits'?); its options are bits=4, damping=0.01, "
                        + "limit=5, exact=false, level=coarse, label=none, scaleBits=3, pattern=none",
                "probe:bits | probe: 'bits' is not written option=value; its options are bits=4, damping=0.01, "
                        + "limit=5, exact=false, level=coarse, label=none, scaleBits=3, pattern=none",
                "probe:bits=2,bits=3 | probe: option bits is given twice",
                "probe:bits=2.5 | probe: bits must be a whole number, not '2.5'",
                "probe:bits=99999999999 | probe: bits must be a whole number, not '99999999999'",
                "probe:bits=none | probe: bits must be a whole number, not 'none'",
                "probe:bits=9 | probe: bits must be at most 8, not 9",
                "probe:damping=NaN | probe: damping must be a number or inf, not 'NaN'",
                "probe:exact=yes | probe: exact must be true or false, not 'yes'",
                "probe:level=coarze | probe: level must be one of coarse, fine-grained, not 'coarze' "
                        + "(did you mean 'coarse'?)",
                "probe:pattern=24 | probe: pattern: '24' is not written n:m",
            })
    void saysWhatIsWrongInOneSentence(String text, String message) {
        assertThatThrownBy(() -> parse(text))
                .isInstanceOf(OptionException.class)
                .hasMessage(message);
    }

    @Test
    void appliesStepsFromLeftToRight() {
        TensorStorage one = new TensorStorage(Tensor.of(new float[] {1}, 1, 1));
        TechniqueContext context = TechniqueContext.of(new ScalarBackend());
        // Each step multiplies by 10 and adds its bits.
        assertThat(parse("probe:bits=2+other:bits=3")
                        .compress("w", one, null, context)
                        .decode()
                        .array())
                .containsExactly(123);
    }

    @Test
    void saysWhatCannotBeTriedOnOneMatrix() {
        TechniqueSpec spec = TechniqueSpec.parse("whole", List.of(new WholeModel()));
        assertThatThrownBy(() -> spec.compress("w", null, null, TechniqueContext.of(new ScalarBackend())))
                .isInstanceOf(TechniqueException.class)
                .hasMessage("whole changes whole models and cannot be tried on one matrix");
        assertThat(spec.roundToNearest()).isEmpty();
        assertThatThrownBy(() -> TechniqueSpec.parse("whole:bits=2", List.of(new WholeModel())))
                .hasMessage("whole has no option 'bits'; it has no options");
    }

    @Test
    void sharesOptionsByNameAndType() {
        Options from = new Options(7, 0.5, 9, true, Level.FINE_GRAINED, "text", 2, new Pattern(1, 2));
        record Fewer(Integer bits, String exact, int scaleBits, double other) {}
        assertThat(OptionSyntax.shared("fewer", from, new Fewer(1, "kept", 5, 3)))
                .isEqualTo(new Fewer(7, "kept", 2, 3));
        assertThat(OptionSyntax.shared("fewer", new Fewer(null, "no", 1, 0), from))
                .isEqualTo(new Options(7, 0.5, 9, true, Level.FINE_GRAINED, "text", 1, new Pattern(1, 2)));
    }

    @Test
    void tellsWhatOptionsMayBe() {
        record Ranges(int group, Integer bits, long count) {
            Ranges {
                if (group != -1 && group < 1) {
                    throw new IllegalArgumentException("group");
                }
                if (bits != null && (bits < 2 || bits > 8)) {
                    throw new IllegalArgumentException("bits");
                }
            }
        }
        assertThat(OptionSyntax.list(new Ranges(-1, 4, 7)))
                .containsExactly(
                        new OptionSyntax.Option("group", "-1", "-1, 1 or more"),
                        new OptionSyntax.Option("bits", "4", "2 to 8, or none"),
                        new OptionSyntax.Option("count", "7", "a whole number"));
        assertThat(OptionSyntax.list(new Probe("probe").defaults()).stream().map(OptionSyntax.Option::allowed))
                .containsExactly(
                        "8 or less",
                        "a number",
                        "a number",
                        "true, false",
                        "coarse, fine-grained, or none",
                        "text, or none",
                        "a whole number, or none",
                        "text, or none");
    }

    private static TechniqueSpec parse(String text) {
        return TechniqueSpec.parse(text, KNOWN);
    }

    private enum Level {
        COARSE,
        FINE_GRAINED
    }

    private record Pattern(int n, int m) {
        @SuppressWarnings("UnusedMethod") // called by reflection
        static Pattern parse(String text) {
            int colon = text.indexOf(':');
            if (colon < 0) {
                throw new IllegalArgumentException("'" + text + "' is not written n:m");
            }
            return new Pattern(
                    Integer.parseInt(text, 0, colon, 10), Integer.parseInt(text, colon + 1, text.length(), 10));
        }

        @Override
        public String toString() {
            return n + ":" + m;
        }
    }

    private record Options(
            int bits,
            double damping,
            double limit,
            boolean exact,
            Level level,
            String label,
            Integer scaleBits,
            Pattern pattern) {
        Options {
            if (bits > 8) {
                throw new IllegalArgumentException("bits must be at most 8, not " + bits);
            }
        }
    }

    private static final class Probe extends LayerwiseCompressor<Options> {
        private final String name;

        Probe(String name) {
            this.name = name;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public String idea() {
            return "";
        }

        @Override
        public Options defaults() {
            return new Options(4, 0.01, 5, false, Level.COARSE, null, 3, null);
        }

        @Override
        public List<String> showcase() {
            return List.of();
        }

        @Override
        protected TensorStorage compress(LinearTask task, Options options) {
            return new TensorStorage(Tensor.of(new float[] {10 * task.weights().array()[0] + options.bits}, 1, 1));
        }
    }

    private static final class WholeModel implements Technique<WholeModel.None> {
        record None() {}

        @Override
        public String name() {
            return "whole";
        }

        @Override
        public String idea() {
            return "";
        }

        @Override
        public None defaults() {
            return new None();
        }

        @Override
        public Transformer apply(Transformer model, None options, TechniqueContext context) {
            return model;
        }

        @Override
        public List<String> showcase() {
            return List.of();
        }
    }
}
