package parsimony.benchmarks.docs;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import parsimony.benchmarks.cli.Main;

/** A process that runs one command after the other in the folder where it was started, as it is asked to on standard input: it warms up once for all. */
final class CommandWorker {
    private CommandWorker() {}

    public static void main(String[] args) throws IOException {
        DataInputStream in = new DataInputStream(new FileInputStream(FileDescriptor.in));
        DataOutputStream out = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
        System.setOut(System.err);
        while (true) {
            String[] command;
            try {
                command = new String[in.readInt()];
            } catch (EOFException e) {
                return;
            }
            for (int i = 0; i < command.length; i++) {
                command[i] = readText(in);
            }
            StringWriter output = new StringWriter();
            StringWriter errors = new StringWriter();
            int exitCode = Main.run(new PrintWriter(output, true), new PrintWriter(errors, true), command);
            out.writeInt(exitCode);
            writeText(out, output.toString());
            writeText(out, errors.toString());
            out.flush();
        }
    }

    static String readText(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    }

    static void writeText(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}
