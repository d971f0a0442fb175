package parsimony.core.technique;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * One or more techniques with their options, applied from left to right: {@code
 * sparsegpt:pattern=2:4+gptq:bits=4}. A name ends at its first colon; a {@code +} starts the next technique where
 * a letter follows.
 */
public record TechniqueSpec(List<Step<?>> steps) {
    public TechniqueSpec {
        steps = List.copyOf(steps);
    }

    /** A technique with its options. */
    public record Step<O extends Record>(Technique<O> technique, O options) {
        Transformer apply(Transformer model, TechniqueContext context) {
            return technique.apply(model, options, context);
        }

        WeightStorage compress(String name, WeightStorage weight, Tensor inputs, TechniqueContext context) {
            if (technique instanceof LayerwiseCompressor<O> compressor) {
                return compressor.compress(name, weight, inputs, options, context);
            }
            throw new TechniqueException(technique.name() + " changes whole models and cannot be tried on one matrix");
        }

        /** As {@link TechniqueSpec#parse} reads it; options that have their default value are left out. */
        @Override
        public String toString() {
            String changed = OptionSyntax.print(options, technique.defaults());
            return changed.isEmpty() ? technique.name() : technique.name() + ":" + changed;
        }
    }

    /**
     * Reads {@code name:key=value,key=value+name…}.
     *
     * @throws OptionException if a technique, an option or a value does not exist
     */
    public static TechniqueSpec parse(String text) {
        return parse(text, Techniques.all());
    }

    static TechniqueSpec parse(String text, List<Technique<?>> known) {
        List<Step<?>> steps = new ArrayList<>();
        for (String step : text.split("\\+(?=\\s*[A-Za-z]|$)", -1)) {
            int colon = step.indexOf(':');
            String name = (colon < 0 ? step : step.substring(0, colon)).strip();
            if (name.isEmpty()) {
                throw new OptionException("'" + text + "' lacks the name of a technique: write name:option=value");
            }
            steps.add(step(Techniques.named(name, known), colon < 0 ? "" : step.substring(colon + 1)));
        }
        return new TechniqueSpec(steps);
    }

    private static <O extends Record> Step<O> step(Technique<O> technique, String options) {
        return new Step<>(technique, OptionSyntax.parse(technique.name(), options, technique.defaults()));
    }

    /** What a technique shows by default, in its order. */
    public static List<TechniqueSpec> showcase(Technique<?> technique) {
        return technique.showcase().stream().map(TechniqueSpec::parse).toList();
    }

    /** Applies all steps; {@code model} itself stays as it is. */
    public Transformer apply(Transformer model, TechniqueContext context) {
        Transformer result = model;
        for (Step<?> step : steps) {
            result = step.apply(result, context);
        }
        return result;
    }

    /** What is applied before the last step, if there is anything. */
    public Optional<TechniqueSpec> beforeLast() {
        return steps.size() == 1
                ? Optional.empty()
                : Optional.of(new TechniqueSpec(steps.subList(0, steps.size() - 1)));
    }

    /**
     * Applies all steps to one matrix.
     *
     * @param name of the matrix, for messages
     * @param weight [out, in]
     * @param inputs [n, in]
     * @throws TechniqueException if a step does not work on one matrix alone
     */
    public WeightStorage compress(String name, WeightStorage weight, Tensor inputs, TechniqueContext context) {
        WeightStorage result = weight;
        for (Step<?> step : steps) {
            result = step.compress(name, result, inputs, context);
        }
        return result;
    }

    /**
     * Round to nearest with the bits, groups and whatever else the last step shares with it, if that step has
     * bits at all.
     */
    public Optional<TechniqueSpec> roundToNearest() {
        Step<?> last = steps.getLast();
        return OptionSyntax.has(last.options(), "bits")
                ? Optional.of(new TechniqueSpec(List.of(shared(Techniques.named("rtn"), last.options()))))
                : Optional.empty();
    }

    private static <O extends Record> Step<O> shared(Technique<O> technique, Record options) {
        return new Step<>(technique, OptionSyntax.shared(technique.name(), options, technique.defaults()));
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
        return steps.stream().map(Step::toString).collect(Collectors.joining("+"));
    }
}
