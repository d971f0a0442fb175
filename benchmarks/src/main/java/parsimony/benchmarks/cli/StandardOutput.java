package parsimony.benchmarks.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.function.IntConsumer;

/**
 * Standard output that does not swallow errors, as a {@link java.io.PrintStream} does: who reads no further, like {@code head}, ends the process without a
 * word; any other trouble, such as a full disk, with a sentence.
 */
final class StandardOutput extends OutputStream {
    /** What a shell reports of a process that was ended because nobody reads what it writes: 128 and the signal's number. */
    static final int NOBODY_READS = 128 + 13;

    private final OutputStream out;
    private final IntConsumer exit;

    StandardOutput() {
        this(new FileOutputStream(FileDescriptor.out), System::exit);
    }

    StandardOutput(OutputStream out, IntConsumer exit) {
        this.out = out;
        this.exit = exit;
    }

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        try {
            out.write(bytes, offset, length);
        } catch (IOException e) {
            if ("Broken pipe".equals(e.getMessage())) {
                exit.accept(NOBODY_READS);
            } else {
                System.err.println("parsimony: standard output: " + e.getMessage());
                exit.accept(1);
            }
        }
    }
}
