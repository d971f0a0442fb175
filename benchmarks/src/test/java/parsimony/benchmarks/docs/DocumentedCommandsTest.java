package parsimony.benchmarks.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.benchmarks.docs.Documents.Command;

/**
 * Runs every command of every document, just as it stands there. A command is fast unless it is named here: the fast ones run in one process, in a folder of their own; the
 * slow ones run with {@code ./parsimony test --slow}, in a copy of the project with its own launcher.
 */
@DisabledOnOs(OS.WINDOWS)
class DocumentedCommandsTest {
    /** Minutes of work, or programs that a machine need not have: Maven, Node, PyTorch. */
    private static final Set<String> SLOW = Set.of(
            "./parsimony compare",
            "./parsimony compare --quick",
            "./parsimony compare --apply rtn:bits=3,group=32 --apply gptq:bits=3,group=32 --apply awq:bits=3,group=32",
            "./parsimony compare --apply planted-outliers+rtn:bits=4,group=32 --apply planted-outliers+awq:bits=4,group=32",
            "./parsimony compare --apply magnitude:pattern=2:4 --apply wanda:pattern=2:4 --apply sparsegpt:pattern=2:4",
            "./parsimony compare --suite finetune",
            "./parsimony compare --suite attention",
            "./parsimony compare --suite attention --apply yarn --apply rope-pi",
            "./parsimony compare --suite kvcache",
            "./parsimony compare --suite kvcache --apply window:recent=0.2 --apply h2o:heavy=0.1,recent=0.1",
            "./parsimony compare --suite speculative",
            "./parsimony compare --suite speculative --apply prompt-lookup --apply jacobi:tokens=3",
            "./parsimony finetune --method lora:rank=8 --output runs/scala",
            "./parsimony finetune --model pruned --method lora:rank=8 --learning-rate 3e-3 --tokens-per-step 2048 --steps 600 \\\n"
                    + "        --data benchmarks/target/corpus/*.jar --output runs/regained",
            "./parsimony train --from pruned --recipe java-recovery --output runs/recovered",
            "./parsimony synthesize --shape llama-3.2-1b --type q4_0 --output llama-3.2-1b.gguf",
            "./parsimony bench GemmBenchmark",
            "OPENBLAS_CORETYPE=SkylakeX OMP_NUM_THREADS=2 ./parsimony bench GemmBenchmark",
            "./parsimony bench TrainingBenchmark",
            "./parsimony bench AttentionBenchmark",
            "./parsimony bench BackendBenchmark.decodeStep",
            "./parsimony bench PackedMatvecBenchmark",
            "./parsimony bench QuantizationBenchmark",
            "./mvnw -q -pl benchmarks -Pcorpus dependency:copy@corpus",
            "./mvnw -q spotless:apply",
            "./mvnw -q -pl quantization -am -Dtest=ImportanceMatrixTest -Dsurefire.failIfNoSpecifiedTests=false verify",
            "benchmarks/peers/llama-cpp.sh model.gguf",
            "benchmarks/peers/llama-cpp.sh llama-3.2-1b.gguf",
            "benchmarks/peers/llama-cpp.sh --perplexity model.gguf File.java",
            "benchmarks/peers/pytorch.sh");

    /** Hours of work, which may be stopped at any moment and taken up again: they must get as far as this many seconds take them. */
    private static final Set<String> STOPPED = Set.of("./parsimony train --recipe java-6m --output runs/java-6m");

    private static final int SECONDS_OF_STOPPED = 180;

    /** Run elsewhere: this test is part of what the first two run, the others have a test of their own that looks at what they give. */
    private static final Set<String> EXEMPT = Set.of(
            "./parsimony test",
            "./parsimony test --slow",
            "./parsimony bench --quick",
            PublishedArtifactsTest.DEPLOY,
            AddATechniqueTest.COMPARE);

    static List<Command> fast() {
        return Documents.commands().stream()
                .filter(command -> !SLOW.contains(command.text())
                        && !STOPPED.contains(command.text())
                        && !EXEMPT.contains(command.text()))
                .toList();
    }

    static List<Command> slow() {
        return Documents.commands().stream()
                .filter(command -> SLOW.contains(command.text()) || STOPPED.contains(command.text()))
                .toList();
    }

    @Test
    void everyExceptionIsStillInADocument() {
        List<String> documented =
                Documents.commands().stream().map(Command::text).toList();
        assertThat(documented).containsAll(SLOW).containsAll(STOPPED).containsAll(EXEMPT);
    }

    @Nested
    class Fast {
        @TempDir
        private static Path folder;

        private static Workbench workbench;
        private static Workbench withTechnique;

        @BeforeAll
        static void open() throws Exception {
            Files.createDirectories(folder.resolve("plain"));
            Files.createDirectories(folder.resolve("technique"));
            workbench = new Workbench(folder.resolve("plain"), null);
            withTechnique =
                    new Workbench(folder.resolve("technique"), AddATechniqueTest.compile(folder.resolve("sources")));
        }

        @AfterAll
        static void close() throws IOException {
            workbench.close();
            withTechnique.close();
        }

        static List<Command> commands() {
            return fast();
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("commands")
        void runs(Command command) throws Exception {
            Workbench bench = command.document().equals(Documents.TECHNIQUE.toString()) ? withTechnique : workbench;
            bench.run(command.text()).succeeds();
        }
    }

    @Nested
    @Tag("slow")
    class Slow {
        @TempDir
        private static Path folder;

        @BeforeAll
        static void copyProject() throws IOException {
            Workbench.copyProject(folder);
            Workbench.layOut(folder);
            // The technique that one page adds is there for the commands of that page, and in nobody's way.
            Documents.writeFiles(Documents.TECHNIQUE, folder);
        }

        static List<Command> commands() {
            return slow();
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("commands")
        void runs(Command command) throws Exception {
            assumeThat(!command.text().contains("llama-cpp") || Workbench.exitCode(folder, "node --version", 10) == 0)
                    .as("Node is installed")
                    .isTrue();
            for (List<String> maker : Workbench.missing(command.text(), folder)) {
                String words = maker.stream().map(word -> "'" + word + "'").collect(Collectors.joining(" "));
                assertThat(Workbench.exitCode(folder, "./parsimony " + words, Integer.MAX_VALUE))
                        .isZero();
            }
            boolean stops = STOPPED.contains(command.text());
            assertThat(Workbench.exitCode(folder, command.text(), stops ? SECONDS_OF_STOPPED : Integer.MAX_VALUE))
                    .isIn(stops ? List.of(Workbench.STOPPED, 0) : List.of(0));
        }
    }
}
