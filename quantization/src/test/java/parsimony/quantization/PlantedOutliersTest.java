package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.tensor.Tensor;

class PlantedOutliersTest extends TechniqueContract<PlantedOutliers.Options> {
    private static final int[] TEXT = {3, 1, 4, 1, 5, 9, 2, 6};

    @Override
    protected Technique<PlantedOutliers.Options> technique() {
        return new PlantedOutliers();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("factor=0", "factor=inf", "channels=0");
    }

    @Test
    void makesOneChannelLargeAndChangesNothingElse() {
        Ops ops = new Ops(new ScalarBackend());
        Transformer model = Transformer.random(
                new TransformerConfig(
                        10,
                        16,
                        24,
                        2,
                        2,
                        1,
                        8,
                        32,
                        1e-5f,
                        new TransformerConfig.RopeConfig(10000, false, null),
                        true,
                        false,
                        -1,
                        -1),
                1);
        TechniqueContext context = TechniqueContext.of(ops.backend()).withCalibration(List.of(TEXT));
        Transformer planted = new PlantedOutliers().apply(model, new PlantedOutliers.Options(50, 1), context);

        ForwardContext text = ForwardContext.batch(ops, TEXT, TEXT.length);
        Tensor expected = model.forward(text);
        Tensor actual = planted.forward(text);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.array()[i]).isCloseTo(expected.array()[i], within(1e-5f));
        }
        planted.vectors().forEach((name, norm) -> {
            if (name.contains("layernorm")) {
                float[] sorted = norm.array().clone();
                Arrays.sort(sorted);
                assertThat(sorted[15]).as(name).isCloseTo(50, within(1e-3f));
                assertThat(sorted[14]).as(name).isEqualTo(1);
            }
        });
    }
}
