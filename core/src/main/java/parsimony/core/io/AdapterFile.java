package parsimony.core.io;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import parsimony.core.AtomicFile;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a fine-tuning learned beside a frozen model, as Hugging Face PEFT keeps it: a folder with {@code adapter_config.json} and {@code adapter_model.safetensors}. The
 * configuration stands in the header of the latter too, which is replaced in one step, so that a reader here sees the old adapter or the new one, never a mixture.
 *
 * @param folder where it was read, for messages; null for one that is to be written
 * @param config fields of {@code adapter_config.json}
 * @param tensors by PEFT's names
 */
public record AdapterFile(Path folder, Map<String, Object> config, Map<String, Tensor> tensors) {
    private static final String CONFIG = "adapter_config.json";
    private static final String TENSORS = "adapter_model.safetensors";
    private static final String CONFIG_KEY = "adapter_config";
    private static final long LARGEST_CONFIG = 1 << 20;

    /** What PEFT puts before the model's own names. */
    public static final String PREFIX = "base_model.model.";

    /** Which kind of adapter this is, in PEFT's words, such as {@code LORA}. */
    public String type() {
        return String.valueOf(config.get("peft_type"));
    }

    /**
     * A tensor of a shape that the model asks for.
     *
     * @throws ModelFormatException if there is none of that name and shape
     */
    public Tensor tensor(String name, int... shape) throws ModelFormatException {
        Tensor tensor = tensors.get(name);
        int size = 1;
        for (int dimension : shape) {
            size *= dimension;
        }
        if (tensor == null || tensor.size() != size) {
            throw refused((tensor == null ? "there is no tensor " : "another shape has the tensor ") + name
                    + ": this adapter was made for another model");
        }
        return Tensor.of(tensor.array(), shape);
    }

    /** A number of the configuration. */
    public double number(String field) throws ModelFormatException {
        if (config.get(field) instanceof Number number && Double.isFinite(number.doubleValue())) {
            return number.doubleValue();
        }
        throw refused("its configuration lacks the number " + field);
    }

    /** This file cannot be used, for a reason. */
    public ModelFormatException refused(String reason) {
        return new ModelFormatException(folder == null ? Path.of(TENSORS) : folder, -1, reason);
    }

    /** Writes the folder's two files; others in it are left alone. */
    public void write(Path target) throws IOException {
        Files.createDirectories(target);
        JsonMapper json = JsonMapper.shared();
        Map<String, WeightStorage> matrices = new LinkedHashMap<>();
        Map<String, Tensor> vectors = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> {
            if (tensor.rank() == 2) {
                matrices.put(name, new TensorStorage(tensor));
            } else {
                vectors.put(name, tensor);
            }
        });
        String line = json.writeValueAsString(config);
        AtomicFile.write(
                target.resolve(CONFIG),
                (json.writerWithDefaultPrettyPrinter().writeValueAsString(config) + "\n")
                        .getBytes(StandardCharsets.UTF_8));
        SafeTensors.write(
                target.resolve(TENSORS), DataType.F32, matrices, vectors, Map.of("format", "pt", CONFIG_KEY, line));
    }

    /**
     * Reads a folder that {@link #write} or PEFT wrote.
     *
     * @throws ModelFormatException if it holds no adapter
     */
    public static AdapterFile read(Path folder) throws IOException {
        if (!Files.isDirectory(folder) || !Files.exists(folder.resolve(TENSORS))) {
            throw new ModelFormatException(folder, -1, "this is no folder with an adapter: " + TENSORS + " is missing");
        }
        SafeTensors file = SafeTensors.open(folder.resolve(TENSORS));
        String own = file.metadata().get(CONFIG_KEY);
        Json config = own == null
                ? Json.read(folder.resolve(CONFIG), LARGEST_CONFIG)
                : Json.parse(folder.resolve(TENSORS), own.getBytes(StandardCharsets.UTF_8));
        Map<String, Object> fields = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> field : config.node().properties()) {
            fields.put(field.getKey(), JsonMapper.shared().treeToValue(field.getValue(), Object.class));
        }
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (Map.Entry<String, StoredTensor> entry : file.tensors().entrySet()) {
            StoredTensor stored = entry.getValue();
            tensors.put(
                    entry.getKey(), stored.shape().size() == 2 ? stored.matrix().decode() : stored.vector());
        }
        return new AdapterFile(folder, fields, tensors);
    }
}
