package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.tensor.Tensor;

class AdapterFileTest {
    private static final int KILLS = 8;
    private static final int LONGEST_WAIT_MILLISECONDS = 40;
    /** Large enough that a write takes milliseconds. */
    private static final int ROWS = 2048;

    private static final String NUMBER = "number";
    private static final String MATRIX = AdapterFile.PREFIX + "matrix";
    private static final String VECTOR = AdapterFile.PREFIX + "vector";

    @TempDir
    private Path folder;

    @Test
    void killedAtAnyMomentItIsTheOldOneOrTheNewOne() throws Exception {
        adapter(0).write(folder);
        SplittableRandom random = new SplittableRandom(1);
        int found = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            Process process = writer(found + 1);
            try (BufferedReader begun = process.inputReader()) {
                begun.readLine();
                // The first took long because of classes that were loaded.
                String last = begun.readLine();
                Thread.sleep(random.nextInt(LONGEST_WAIT_MILLISECONDS));
                // Unlike the process itself, its handle leaves the stream open.
                process.toHandle().destroyForcibly();
                process.waitFor();
                for (String line = begun.readLine(); line != null; line = begun.readLine()) {
                    last = line;
                }
                found = read();
                assertThat(found).isBetween(Integer.parseInt(last) - 1, Integer.parseInt(last));
            }
        }
        adapter(found + 1).write(folder);
        assertThat(read()).isEqualTo(found + 1);
        assertThat(folder.toFile().list())
                .containsExactlyInAnyOrder("adapter_config.json", "adapter_model.safetensors");
    }

    /** The number that the whole file agrees on. */
    private int read() throws IOException {
        AdapterFile file = AdapterFile.read(folder);
        int number = (int) file.number(NUMBER);
        for (String name : new String[] {MATRIX, VECTOR}) {
            float[] expected = new float[file.tensors().get(name).size()];
            Arrays.fill(expected, number);
            assertThat(file.tensors().get(name).array()).isEqualTo(expected);
        }
        return number;
    }

    private static AdapterFile adapter(int number) {
        Map<String, Tensor> tensors = Map.of(MATRIX, filled(number, ROWS, ROWS), VECTOR, filled(number, ROWS));
        return new AdapterFile(null, Map.of("peft_type", "TEST", NUMBER, number), tensors);
    }

    private static Tensor filled(int number, int... shape) {
        Tensor tensor = Tensor.zeros(shape);
        Arrays.fill(tensor.array(), number);
        return tensor;
    }

    private Process writer(int first) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        AdapterFileTest.class.getName(),
                        folder.toString(),
                        Integer.toString(first))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** The process that the test kills: writes one adapter after the other, and says before each which. */
    public static void main(String[] arguments) throws IOException {
        for (int number = Integer.parseInt(arguments[1]); ; number++) {
            AdapterFile adapter = adapter(number);
            System.out.println(number);
            adapter.write(Path.of(arguments[0]));
        }
    }
}
