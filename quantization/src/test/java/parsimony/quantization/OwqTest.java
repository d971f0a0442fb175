package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import tools.jackson.databind.JsonNode;

class OwqTest extends OfficialWeightsContract<Owq.Options> {
    @Override
    protected Technique<Owq.Options> technique() {
        return new Owq();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("bits=1", "group=0", "outliers=-1", "sensitivity=none", "blockSize=0", "damping=-1");
    }

    @Override
    List<String> varied() {
        return List.of("bits", "group", "outliers", "actOrder", "mse");
    }

    @Override
    void check(MatrixTrial ours, JsonNode official) {
        assertThat(ours.outliers()).hasValue(48 * official.get("outliers").asLong());
    }
}
