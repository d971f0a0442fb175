package parsimony.benchmarks.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.technique.Technique;
import parsimony.core.technique.Techniques;

class DocumentsTest {
    private static final Pattern LINK = Pattern.compile("\\[[^\\]\n]*\\]\\(([^)#:\\s]+)(#[^)]*)?\\)");

    static List<Path> all() {
        return Documents.all();
    }

    @ParameterizedTest
    @MethodSource("all")
    void linksLeadSomewhere(Path document) {
        Path folder = Documents.ROOT.resolve(document).getParent();
        assertThat(LINK.matcher(Documents.read(document)).results().map((MatchResult link) -> link.group(1)))
                .allSatisfy(link -> assertThat(folder.resolve(link)).exists());
    }

    @Test
    void theFirstPageLinksEveryTechniqueToItsClass() {
        String page = Documents.read(Path.of("README.md"));
        for (Technique<?> technique : Techniques.all()) {
            String path = technique.getClass().getName().replace('.', '/') + ".java";
            String module = technique.getClass().getName().split("\\.", -1)[1];
            assertThat(page).contains("[`" + technique.name() + "`](" + module + "/src/main/java/" + path + ")");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"core", "quantization", "pruning", "lora", "attention", "kvcache", "speculative", "benchmarks"})
    void aModulesPageReadsAsAChapter(String module) {
        String chapter = Documents.read(Path.of(module, "README.md"));
        assertThat(chapter)
                .containsSubsequence(
                        "## The idea",
                        "## The formulas",
                        "\n```math\n",
                        "## The code, in this order",
                        "\n1. [",
                        "## An experiment",
                        "\n    ./parsimony ",
                        "## Measured",
                        "](plot.svg)",
                        "## Exercises",
                        "\n5. ");
        assertThat(Documents.read(Path.of("README.md"))).contains("](" + module + "/README.md)");
        assertThat(Files.exists(Documents.ROOT.resolve(module).resolve("pom.xml")))
                .isTrue();
    }
}
