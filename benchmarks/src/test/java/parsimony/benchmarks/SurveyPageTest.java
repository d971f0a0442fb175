package parsimony.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.technique.SurveyPage;

class SurveyPageTest {
    /** Tests run in the module's folder. */
    private static final Path PAGE = Path.of("..", "docs", "survey.md");

    @Test
    void pageIsCurrent() throws IOException {
        String current = SurveyPage.markdown(List.of());
        if (Boolean.getBoolean("parsimony.update")) {
            Files.writeString(PAGE, current);
        }
        assertThat(PAGE)
                .as("docs/survey.md is stale: run the tests of benchmarks with -Dparsimony.update=true")
                .hasContent(current);
    }
}
