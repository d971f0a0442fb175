package parsimony.benchmarks.cli;

import java.io.PrintWriter;
import java.util.EnumMap;
import java.util.Map;
import parsimony.core.model.DecodingStrategy.Listener;
import parsimony.core.model.DecodingStrategy.Origin;
import parsimony.core.text.StreamingDecoder;
import parsimony.core.text.Tokenizer;
import picocli.CommandLine.Help.Ansi.IStyle;
import picocli.CommandLine.Help.Ansi.Style;

/** Prints a text while it is written, and if asked what became of the tokens that were drafted. */
final class GeneratedText implements Listener {
    /** How tokens of one fate look: a colour, or a mark on both sides of neighbours. */
    private record Look(IStyle colour, String before, String after) {
        String begin(boolean coloured) {
            return coloured ? colour.on() : before;
        }

        String end(boolean coloured) {
            return coloured ? colour.off() : after;
        }
    }

    private static final Map<Origin, Look> LOOKS = new EnumMap<>(Map.of(
            Origin.DRAFT, new Look(Style.fg_green, "[", "]"), Origin.CORRECTION, new Look(Style.fg_yellow, "+", "+")));
    private static final Look REJECTED = new Look(Style.fg_red, "~", "~");

    private final PrintWriter out;
    private final Tokenizer tokenizer;
    private final StreamingDecoder decoder;
    private final boolean showsOrigin;
    private final boolean colours = Terminal.coloursOutput();
    private Look look;

    GeneratedText(PrintWriter out, Tokenizer tokenizer, boolean showsOrigin) {
        this.out = out;
        this.tokenizer = tokenizer;
        this.showsOrigin = showsOrigin;
        decoder = new StreamingDecoder(tokenizer);
    }

    /** A token that is there already. */
    void prompt(int token) {
        decoder.push(token);
    }

    @Override
    public void token(int token, Origin origin) {
        print(isKnown(token) ? decoder.push(token) : "", LOOKS.get(origin));
    }

    @Override
    public void rejected(int token) {
        if (showsOrigin && isKnown(token)) {
            StreamingDecoder alone = new StreamingDecoder(tokenizer);
            print(alone.push(token) + alone.flush(), REJECTED);
        }
    }

    /** A model's vocabulary may be larger than its tokenizer's: those tokens stand for no text. */
    private boolean isKnown(int token) {
        return token < tokenizer.size();
    }

    private void print(String text, Look next) {
        if (showsOrigin && next != look && !text.isEmpty()) {
            out.print((look == null ? "" : look.end(colours)) + (next == null ? "" : next.begin(colours)));
            look = next;
        }
        out.print(text);
        out.flush();
    }

    /** Prints what was kept back of an unfinished character. */
    void end() {
        print(decoder.flush(), look);
        out.println(look == null ? "" : look.end(colours));
    }
}
