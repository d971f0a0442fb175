package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.Techniques;

class ListTechniquesTest {
    @Test
    void lists_what_runs() {
        String out = Cli.run("techniques").succeeds().out();

        for (Technique<?> technique : Techniques.all()) {
            assertThat(out).containsPattern("(?m)^" + technique.name() + " ");
        }
        assertThat(out).contains("of the survey's " + Survey.entries().size() + " papers run");
        assertThat(Cli.run("techniques", "--module", "quantization").succeeds().out())
                .contains("rtn ")
                .doesNotContain("dense ");
    }

    @Test
    void lists_the_survey() {
        String all = Cli.run("techniques", "--all").succeeds().out();
        Survey.entries().forEach(entry -> assertThat(all).contains(entry.title()));

        String pruning =
                Cli.run("techniques", "--all", "--module", "pruning").succeeds().out();
        assertThat(pruning.lines()).hasSizeLessThan(Survey.entries().size());
        assertThat(pruning).contains("SparseGPT", "papers run").doesNotContain("(quantization)");
    }

    @Test
    void explains_each() {
        for (Technique<?> technique : Techniques.all()) {
            assertThat(Cli.run("techniques", technique.name()).succeeds().out())
                    .startsWith(technique.name() + ", ")
                    .contains(technique.idea().split("(?<=\\.) ", -1));
        }
        assertThat(Cli.run("techniques", "rtn").out())
                .containsPattern("bits +4 +2 to 8")
                .containsPattern("group +-1 +-1, 1 or more")
                .containsPattern("symmetric +false +true, false");
        assertThat(Cli.run("techniques", "dense").out()).containsPattern("type +f32 +f32, f16, bf16\\R");
    }

    @Test
    void refuses_what_there_is_not() {
        Cli.run("techniques", "rtx").isWronglyCalled("there is no technique 'rtx' (did you mean 'rtn'?)");
        Cli.run("techniques", "--module", "prunning").isWronglyCalled("there is no module 'prunning'", "pruning");
        Cli.run("techniques", "rtn", "--all").isWronglyCalled("excludes --all");
    }
}
