package parsimony.core.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.tensor.Matrix;

class BackendsTest {
    @ParameterizedTest
    @ValueSource(strings = {"scalar", "vector", "nd4j"})
    void makes_backends_by_name(String name) {
        try (Backend backend = Backends.create(name, 1)) {
            Matrix c = Matrix.of(new float[1], 1, 1);
            backend.multiply(
                    Matrix.of(new float[] {2, 3}, 1, 2), false, Matrix.of(new float[] {5, 7}, 1, 2), true, c, false);
            assertThat(backend.name()).isEqualTo(name);
            assertThat(c.get(0, 0)).isEqualTo(31);
        }
    }

    @Test
    void the_default_is_one_of_the_names() {
        assertThat(Backends.names()).contains(Backends.DEFAULT);
    }

    @Test
    void an_unknown_name_is_answered_with_the_known_ones() {
        assertThatThrownBy(() -> Backends.create("abacus", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("there is no backend 'abacus'; the backends are scalar, vector, nd4j, opencl");
    }

    @Test
    void no_threads_are_refused() {
        assertThatThrownBy(() -> Backends.create("vector", 0)).hasMessageContaining("at least 1 thread, not 0");
    }

    @Test
    void tells_which_backends_work() {
        assertThat(Backends.probe(1)).extracting(Backends.Probe::name).containsExactlyElementsOf(Backends.names());
        assertThat(Backends.probe(1)).allSatisfy(probe -> {
            // Where there is no device, and need not be one, the reason is what there is to say.
            boolean optional = probe.name().equals("opencl") && System.getenv("PARSIMONY_OPENCL_REQUIRED") == null;
            assertThat(probe.works() || optional).as(probe.detail()).isTrue();
            assertThat(probe.detail()).isNotBlank();
        });
    }
}
