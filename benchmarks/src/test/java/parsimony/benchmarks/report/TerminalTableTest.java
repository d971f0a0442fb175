package parsimony.benchmarks.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.SampleResult;

class TerminalTableTest {
    private static final Result RESULT = SampleResult.compression();

    @Test
    void laysOutHeadingRowsAndLegend() {
        List<String> lines = print(112, false, StandardCharsets.UTF_8);
        assertThat(lines.get(0))
                .isEqualTo("technique                                  bits/wt     disk   memory bits/byte   change"
                        + " prefill  decode peak mem");
        assertThat(lines.get(2))
                .isEqualTo("dense:type=f32                               32.00  25.2 MB  26.4 MB     1.040    0.0 %"
                        + "   1.00×   1.00×  91.5 MB");
        assertThat(lines.get(9))
                .isEqualTo("rtn:bits=4,group=32,symmetric=true            4.50   5.4 MB   6.6 MB     1.061   +2.0 %"
                        + "   1.55×   2.97×  66.8 MB");
        assertThat(lines.get(21)).startsWith("wanda:pattern=2:4+gptq:bits=4,group=32…   ");
        assertThat(lines.get(2 + RESULT.rows().size())).isEqualTo("─".repeat(112));
        assertThat(String.join(" ", lines.subList(3 + RESULT.rows().size(), lines.size())))
                .contains(RESULT.protocol().getFirst())
                .contains("bits/wt")
                .contains("peak mem");
    }

    @ParameterizedTest
    @ValueSource(ints = {40, 100, 113, 120, 300})
    void alignsEveryRowAtTheRight(int width) {
        List<String> lines = print(width, false, StandardCharsets.UTF_8);
        int expected = Math.clamp(width, 100, 120);
        assertThat(lines.subList(0, 2 + RESULT.rows().size()))
                .allSatisfy(line -> assertThat(line).hasSize(expected).doesNotContain("\u001b"));
        assertThat(lines).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(expected));
    }

    @Test
    void printsEachRowAsItComes() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        TerminalTable table = new TerminalTable(
                new PrintWriter(bytes, false, StandardCharsets.UTF_8),
                StandardCharsets.UTF_8,
                110,
                false,
                RESULT.columns());
        table.begin();
        assertThat(bytes.toString(StandardCharsets.UTF_8).lines()).hasSize(2);
        table.row(RESULT.rows().get(0));
        assertThat(bytes.toString(StandardCharsets.UTF_8).lines()).hasSize(3);
    }

    @Test
    void coloursOnlyQualityAndChangesNoWidth() {
        List<String> plain = print(112, false, StandardCharsets.UTF_8);
        List<String> coloured = print(112, true, StandardCharsets.UTF_8);
        assertThat(coloured.stream().map(line -> line.replaceAll("\u001b\\[\\d+m", "")))
                .isEqualTo(plain);
        assertThat(coloured.get(2)).startsWith("\u001b[1mdense").contains("\u001b[1m    1.040\u001b[0m");
        assertThat(coloured.get(8)).contains("\u001b[33m  +1.5 %\u001b[0m").doesNotContain("\u001b[31m");
        assertThat(coloured.get(12)).contains("\u001b[31m  +500 %\u001b[0m");
    }

    @Test
    void fallsBackToAsciiWhereTheStreamKnowsNoMore() {
        List<String> lines = print(112, false, StandardCharsets.US_ASCII);
        assertThat(lines).noneMatch(line -> line.contains("?"));
        assertThat(lines.get(2)).endsWith("1.00x   1.00x  91.5 MB").hasSize(112);
    }

    @Test
    void leavesOutWholeOptionsAtTheRight() {
        assertThat(TerminalTable.shortened("rtn:bits=4", 30)).isEqualTo("rtn:bits=4");
        assertThat(TerminalTable.shortened("wanda:pattern=2:4+gptq:bits=4,group=32,actOrder=true", 40))
                .isEqualTo("wanda:pattern=2:4+gptq:bits=4,group=32…");
        assertThat(TerminalTable.shortened("technique:anExtraordinarilyLongOptionName=true", 20))
                .isEqualTo("technique:anExtraor…");
    }

    private static List<String> print(int width, boolean colour, Charset charset) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        TerminalTable table =
                new TerminalTable(new PrintWriter(bytes, true, charset), charset, width, colour, RESULT.columns());
        table.begin();
        RESULT.rows().forEach(table::row);
        table.end(RESULT.protocol());
        return bytes.toString(charset).lines().toList();
    }
}
