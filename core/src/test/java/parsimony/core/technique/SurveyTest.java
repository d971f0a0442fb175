package parsimony.core.technique;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class SurveyTest {
    @Test
    void listsEveryPaperOnce() {
        assertThat(Survey.entries()).hasSize(281);
        for (int i = 0; i < 281; i++) {
            assertThat(Survey.entries().get(i).id()).isEqualTo(i + 1);
        }
        assertThat(Survey.entry(1))
                .isEqualTo(new Survey.Entry(
                        1,
                        "Model Compression",
                        "Weight-Only Quantization (PTQ)",
                        "GPTQ: Accurate Quantization for Generative Pre-trained Transformers",
                        "ICLR, 2023",
                        "quantization"));
        assertThatThrownBy(() -> Survey.entry(282)).hasMessage("the survey has no paper 282");
    }

    @Test
    void pageShowsWhatIsHereAndWhatIsMissing() {
        String page = SurveyPage.markdown(List.of(Listed.class, Outside.class, String.class));
        String here = "[Listed](../core/src/main/java/parsimony/core/technique/SurveyTest$Listed.java)";
        assertThat(page)
                .contains("| 1 | GPTQ: Accurate Quantization for Generative Pre-trained Transformers | ICLR, 2023 | "
                        + here + " |\n")
                .contains("| Model Compression | 47 | 2 |\n")
                .contains("| **All** | 281 | 2 |\n")
                .contains("| 2 | QuIP: 2-Bit Quantization of Large Language Models With Guarantees | arXiv, 2023 | "
                        + "(quantization) |\n")
                .contains("| [A title](https://example.org) | Here, 2020 | [Outside]");
    }

    @Paper(survey = {1, 3})
    private static final class Listed {}

    @Paper(title = "A title", venue = "Here", year = 2020, link = "https://example.org")
    private static final class Outside {}
}
