package parsimony.core.technique;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * What every technique must do, checked on a tiny model. A technique's own test extends this class and gets it
 * all.
 */
public abstract class TechniqueContract<O extends Record> {
    private static final TransformerConfig CONFIG = new TransformerConfig(
            50, 32, 48, 2, 4, 2, 8, 64, 1e-5f, new TransformerConfig.RopeConfig(10000, false, null), true, true, 1, 2);

    private final Backend backend = new ScalarBackend();
    private final TechniqueContext context = TechniqueContext.of(backend)
            .withCalibration(List.of(tokens(1, 24), tokens(2, 24), tokens(3, 17)))
            .withSeed(7);

    protected abstract Technique<O> technique();

    /** Options {@code key=value} that must be refused. */
    protected abstract List<String> wrongOptions();

    /** Whether weights that an earlier technique pruned are still there and zero in the result. */
    protected boolean keepsZeros() {
        return true;
    }

    @Test
    void isInstalledUnderItsName() {
        assertThat(technique().name()).matches("[a-z][a-z0-9-]*");
        assertThat(Techniques.named(technique().name())).hasSameClassAs(technique());
    }

    @Test
    void tellsItsIdeaInTwoSentences() {
        String idea = technique().idea();
        assertThat(idea).matches("[A-Z(].*\\.").doesNotContain("  ").hasSizeBetween(120, 300);
        assertThat(idea.split("(?<=[.!?]) ", -1)).as(idea).hasSize(2);
    }

    @Test
    void namesItsPaperInOneWay() {
        Paper paper = technique().getClass().getAnnotation(Paper.class);
        if (paper != null && paper.survey().length == 0) {
            assertThat(paper.title()).isNotBlank();
            assertThat(paper.venue()).isNotBlank();
            assertThat(paper.year()).isBetween(1950, 2100);
            assertThat(paper.link()).startsWith("https://");
        } else if (paper != null) {
            assertThat(paper.title()).as("title beside a number of the survey").isEmpty();
        }
    }

    @Test
    void showcaseIsReadAndWrittenAlike() {
        assertThat(technique().showcase()).isNotEmpty().doesNotHaveDuplicates();
        for (TechniqueSpec spec :
                TechniqueSpec.showcase(Techniques.named(technique().name()))) {
            assertThat(TechniqueSpec.parse(spec.toString())).isEqualTo(spec);
            assertThat(TechniqueSpec.parse(spec.toString())).hasToString(spec.toString());
        }
        String all =
                technique().name() + ":" + OptionSyntax.describe(technique().defaults());
        assertThat(TechniqueSpec.parse(all)).hasToString(technique().name());
    }

    @Test
    void refusesWhatItDoesNotKnow() {
        assertThatThrownBy(() -> TechniqueSpec.parse(technique().name() + ":nonsense=1"))
                .isInstanceOf(OptionException.class)
                .hasMessageContaining(technique().name())
                .hasMessageContaining("nonsense");
        for (String wrong : wrongOptions()) {
            assertThatThrownBy(() -> TechniqueSpec.parse(technique().name() + ":" + wrong))
                    .as(wrong)
                    .isInstanceOf(OptionException.class)
                    .hasMessageContaining(technique().name())
                    .hasMessageContaining(wrong.substring(0, wrong.indexOf('=')))
                    .hasMessageNotContaining("\n");
        }
    }

    @Test
    void leavesTheModelAsItWas() {
        Transformer model = model(DataType.F32);
        float[] before = logits(model);
        for (TechniqueSpec spec : showcase()) {
            spec.apply(model, context);
            assertThat(logits(model)).as(spec.toString()).containsExactly(before);
        }
    }

    @Test
    void resultRunsAndItsBytesAreWhatItHolds() {
        Transformer model = model(DataType.F32);
        for (TechniqueSpec spec : showcase()) {
            Transformer result = spec.apply(model, context);
            assertFinite(spec, result);
            for (Linear linear : result.linears()) {
                WeightStorage storage = linear.weight();
                assertThat(storage.bytes()).as(spec + " " + linear).isEqualTo(held(storage, identitySet()));
                assertThat(storage.bitsPerWeight())
                        .isEqualTo(8.0 * storage.bytes() / ((double) storage.rows() * storage.columns()));
            }
        }
    }

    @Test
    void sameSeedGivesTheSameBits() {
        for (TechniqueSpec spec : showcase()) {
            Transformer first = spec.apply(model(DataType.F32), context);
            Transformer second = spec.apply(model(DataType.F32), context);
            assertThat(logits(first)).as(spec.toString()).containsExactly(logits(second));
        }
    }

    @Test
    void followsAModelInSixteenBits() {
        TechniqueSpec spec = showcase().getFirst();
        assertFinite(spec, spec.apply(model(DataType.BF16), context));
    }

    @Test
    void keepsThePrunedWeightsAtZero() {
        if (!keepsZeros()) {
            return;
        }
        Transformer model = model(DataType.F32);
        for (Linear linear : model.linears()) {
            Tensor weights = linear.weight().decode();
            for (int i = 0; i < weights.size(); i++) {
                weights.array()[i] *= i % 4 < 2 ? 0 : 1;
            }
            linear.setWeight(new Pruned(weights));
        }
        for (TechniqueSpec spec : showcase()) {
            for (Linear linear : spec.apply(model, context).linears()) {
                float[] weights = linear.weight().decode().array();
                assertThat(IntStream.range(0, weights.length).filter(i -> i % 4 < 2 && weights[i] != 0))
                        .as(spec + " " + linear)
                        .isEmpty();
            }
        }
    }

    private void assertFinite(TechniqueSpec spec, Transformer model) {
        float sum = 0;
        for (float logit : logits(model)) {
            sum += Math.abs(logit);
        }
        assertThat(sum).as("Σ |logit| of " + spec).isFinite().isPositive();
    }

    /** What is applied to the tiny model. */
    protected List<TechniqueSpec> showcase() {
        return TechniqueSpec.showcase(technique());
    }

    /** A random model whose matrices are stored in {@code type} and whose biases are not zero. */
    private static Transformer model(DataType type) {
        Transformer model = Transformer.random(CONFIG, 5);
        SplittableRandom random = new SplittableRandom(6);
        for (Linear linear : model.linears()) {
            linear.setWeight(DenseStorage.of(type, linear.weight()));
            for (int i = 0; linear.bias() != null && i < linear.bias().size(); i++) {
                linear.bias().array()[i] = (float) random.nextGaussian(0, 0.1);
            }
        }
        return model;
    }

    private float[] logits(Transformer model) {
        int[] text = tokens(4, 20);
        return model.forward(ForwardContext.batch(new Ops(backend), text, 10)).array();
    }

    private static int[] tokens(long seed, int count) {
        return new SplittableRandom(seed)
                .ints(count, 0, CONFIG.vocabularySize())
                .toArray();
    }

    private static Set<Object> identitySet() {
        return Collections.newSetFromMap(new IdentityHashMap<>());
    }

    /** Bytes of all arrays and segments that can be reached from a storage. */
    private static long held(Object object, Set<Object> counted) {
        if (object == null || !counted.add(object)) {
            return 0;
        }
        if (object instanceof MemorySegment segment) {
            return segment.byteSize();
        }
        if (object instanceof Tensor tensor) {
            return 4L * tensor.size();
        }
        Class<?> type = object.getClass();
        if (type.isArray()) {
            Map<Class<?>, Integer> sizes = Map.of(
                    boolean.class,
                    1,
                    byte.class,
                    1,
                    short.class,
                    2,
                    int.class,
                    4,
                    float.class,
                    4,
                    long.class,
                    8,
                    double.class,
                    8);
            long bytes = (long) sizes.getOrDefault(type.getComponentType(), 0) * Array.getLength(object);
            return object instanceof Object[] elements ? held(List.of(elements), counted) : bytes;
        }
        if (object instanceof Iterable<?> elements) {
            long bytes = 0;
            for (Object element : elements) {
                bytes += held(element, counted);
            }
            return bytes;
        }
        return type.getName().startsWith("parsimony.") && !type.isEnum() ? heldByFields(object, counted) : 0;
    }

    private static long heldByFields(Object object, Set<Object> counted) {
        long bytes = 0;
        for (Field field : object.getClass().getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers()) && !field.getType().isPrimitive()) {
                try {
                    field.setAccessible(true);
                    bytes += held(field.get(object), counted);
                } catch (IllegalAccessException e) {
                    throw new AssertionError(e);
                }
            }
        }
        return bytes;
    }

    /** Dense weights of which the zeros count as pruned. */
    private record Pruned(Tensor weights) implements WeightStorage {
        @Override
        public int rows() {
            return weights.dimension(0);
        }

        @Override
        public int columns() {
            return weights.dimension(1);
        }

        @Override
        public void decodeRow(int row, float[] target, int offset) {
            new TensorStorage(weights).decodeRow(row, target, offset);
        }

        @Override
        public long bytes() {
            return 4L * weights.size();
        }

        @Override
        public String format() {
            return "pruned";
        }

        @Override
        public boolean isSparse() {
            return true;
        }
    }
}
