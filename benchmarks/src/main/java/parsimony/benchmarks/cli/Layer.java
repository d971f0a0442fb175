package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import parsimony.core.ModelFormatException;
import parsimony.core.backend.Backend;
import parsimony.core.io.SafeTensors;
import parsimony.core.io.StoredTensor;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Progress;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "layer",
        description = {
            "Apply techniques to one matrix W of a layer with inputs X, and show how far its outputs then are from the right ones: ‖XWᵀ − XQᵀ‖²_F.",
            "Beside it stands the error of round to nearest with the same bits and groups."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony layer matrix.safetensors --apply rtn:bits=3,group=16",
            "  parsimony layer matrix.safetensors --apply rtn:bits=4 --apply rtn:bits=3,group=16 --json -"
        })
final class Layer implements Callable<Integer> {
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @Mixin
    private CommonOptions common;

    @Parameters(
            paramLabel = "FILE",
            description = "A safetensors file with the tensors weight [out, in] and inputs [n, in].")
    private Path file;

    @Option(
            names = "--apply",
            paramLabel = "SPEC",
            required = true,
            converter = AppliedTechnique.Converter.class,
            description = "A technique with its options, such as rtn:bits=3,group=16; + applies another to its result. "
                    + "Repeat it for more results.")
    private List<AppliedTechnique> apply;

    @Mixin
    private JsonOption json;

    @Option(
            names = "--output",
            paramLabel = "FILE",
            description = "Write the resulting weights to a safetensors file, as 32-bit floats: the tensor weight, or "
                    + "one named after each --apply if there are several.")
    private Path output;

    @Option(
            names = "--scale-type",
            paramLabel = "TYPE",
            defaultValue = "f32",
            description = "How scales are kept: f32 shows the algorithm in full precision, f16 what a compressed model "
                    + "has (default: ${DEFAULT-VALUE}).")
    private DataType scaleType;

    @Spec
    private CommandSpec spec;

    /** All results, as JSON. */
    private record Results(List<Result> results) {}

    /** One result, as JSON; what does not apply is null. */
    private record Result(
            String technique,
            double error,
            Double roundToNearestError,
            long zeros,
            double bitsPerWeight,
            Long outliers) {}

    @Override
    public Integer call() throws IOException {
        json.check();
        if (output != null) {
            OutputFile.require(spec, "--output", output);
        }
        SafeTensors tensors = SafeTensors.open(file);
        Tensor weight = matrix(tensors, "weight");
        Tensor inputs = matrix(tensors, "inputs");
        if (inputs.columns() != weight.columns()) {
            throw new ModelFormatException(
                    file,
                    -1,
                    "inputs " + shape(inputs) + " do not fit weight " + shape(weight)
                            + ": both must have as many columns as the layer has inputs");
        }
        List<Result> results = new ArrayList<>();
        Map<String, WeightStorage> weights = new LinkedHashMap<>();
        try (Backend backend = common.createBackend()) {
            TechniqueContext context = TechniqueContext.of(backend)
                    .withSeed(common.seed())
                    .withScaleType(scaleType)
                    .withProgress(Progress.NONE.noting(spec.commandLine().getErr()::println));
            for (AppliedTechnique technique : apply) {
                MatrixTrial trial = run(technique.spec(), weight, inputs, context);
                results.add(result(technique, trial, weight, inputs, context));
                weights.put(apply.size() == 1 ? "weight" : technique.text(), trial.result());
            }
        }
        if (output != null) {
            SafeTensors.write(output, DataType.F32, weights, Map.of(), Map.of("format", "pt"));
        }
        print(results);
        return 0;
    }

    private static MatrixTrial run(TechniqueSpec technique, Tensor weight, Tensor inputs, TechniqueContext context) {
        return MatrixTrial.run(technique, "weight", new TensorStorage(weight), inputs, context);
    }

    private Result result(
            AppliedTechnique technique, MatrixTrial trial, Tensor weight, Tensor inputs, TechniqueContext context) {
        if (!Double.isFinite(trial.error())) {
            throw new IllegalArgumentException(
                    technique.text() + " leaves an error that is no finite number; weight and " + "inputs of " + file
                            + " are too large");
        }
        TechniqueContext exact = context.withScaleType(DataType.F32);
        Double roundToNearest = technique
                .spec()
                .roundToNearest()
                .map(plain -> run(plain, weight, inputs, exact).error())
                .orElse(null);
        OptionalLong outliers = trial.outliers();
        return new Result(
                technique.text(),
                trial.error(),
                roundToNearest,
                trial.zeros(),
                trial.bitsPerWeight(),
                outliers.isPresent() ? outliers.getAsLong() : null);
    }

    /** A matrix as 32-bit floats, from whatever floats the file has. */
    private static Tensor matrix(SafeTensors tensors, String name) throws ModelFormatException {
        StoredTensor stored = tensors.tensor(name);
        Tensor matrix =
                stored.type().equals("F64") ? rounded(stored) : stored.matrix().decode();
        if (matrix.size() == 0) {
            throw new ModelFormatException(
                    stored.file(),
                    stored.offset(),
                    "tensor \"" + name + "\" has no numbers: its shape is " + shape(matrix));
        }
        for (float value : matrix.array()) {
            if (!Float.isFinite(value)) {
                throw new ModelFormatException(
                        stored.file(),
                        stored.offset(),
                        "tensor \"" + name + "\" holds " + value + "; all numbers must be finite");
            }
        }
        return matrix;
    }

    private static Tensor rounded(StoredTensor stored) throws ModelFormatException {
        List<Long> shape = stored.shape();
        MemorySegment data = stored.data();
        if (shape.size() != 2 || data.byteSize() / Double.BYTES > Integer.MAX_VALUE - 8) {
            throw new ModelFormatException(
                    stored.file(),
                    stored.offset(),
                    "tensor \"" + stored.name() + "\" has shape " + shape + ", where a matrix is needed");
        }
        Tensor matrix = Tensor.zeros(Math.toIntExact(shape.get(0)), Math.toIntExact(shape.get(1)));
        for (int i = 0; i < matrix.size(); i++) {
            matrix.array()[i] = (float) data.get(DOUBLE, (long) i * Double.BYTES);
        }
        return matrix;
    }

    private static String shape(Tensor matrix) {
        return "[" + matrix.rows() + ", " + matrix.columns() + "]";
    }

    private void print(List<Result> results) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (!json.takesStandardOutput()) {
            int width = results.stream()
                    .mapToInt(result -> result.technique.length())
                    .max()
                    .orElse(0);
            String format = "%-" + Math.max(9, width) + "s %15s %15s %9s %11s %8s%n";
            out.printf(format, "technique", "error", "rounded", "zeros", "bits/weight", "outliers");
            for (Result result : results) {
                out.printf(
                        format,
                        result.technique,
                        number(result.error),
                        result.roundToNearestError == null ? "-" : number(result.roundToNearestError),
                        result.zeros,
                        String.format(Locale.ROOT, "%.3f", result.bitsPerWeight),
                        result.outliers == null ? "-" : result.outliers);
            }
        }
        json.write(out, new Results(results));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.6g", value);
    }
}
