package parsimony.lora;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.ModelFormatException;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Tensor;
import parsimony.core.train.AdamW;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Optimizer;
import parsimony.core.train.Tuning;

/**
 * What the methods share that put an adapter beside each matrix of a frozen model. A method says which matrices, how an adapter begins, and how it is read from a
 * file; names and files are PEFT's.
 *
 * @param <O> the options
 */
abstract class LinearTuner<O extends Record> implements FineTuner<O> {
    /** The projections that are adapted. */
    abstract Targets targets(O options);

    /** An adapter that changes nothing yet. */
    abstract TunedAdapter begin(Linear linear, O options, SplittableRandom random);

    /** An adapter from a file. */
    abstract TunedAdapter read(Linear linear, AdapterFile file) throws ModelFormatException;

    /** Fields of {@code adapter_config.json} beside the type and the matrices. */
    abstract Map<String, Object> configuration(O options);

    /** The model beside which the adapters stand: this one, or one made cheaper. */
    Transformer base(Transformer frozen, O options) {
        return frozen;
    }

    /** What trains the adapters, given by their matrices' names. */
    Optimizer optimizer(Map<String, TunedAdapter> adapters, Map<String, Tensor> parameters, O options, Setup setup) {
        return new AdamW(parameters, setup.backend(), setup.training());
    }

    @Override
    public Tuning prepare(Transformer model, O options, Setup setup) {
        if (!model.isMergeable()) {
            throw new TechniqueException(name() + " cannot be put on a model with a learned prefix");
        }
        Transformer tuned = base(model.merged().frozen(), options);
        SplittableRandom random = new SplittableRandom(setup.seed());
        Map<String, TunedAdapter> adapters = new LinkedHashMap<>();
        for (Linear linear : tuned.linears()) {
            if (targets(options).contain(linear)) {
                TunedAdapter adapter = begin(linear, options, random);
                linear.setAdapter(adapter);
                adapters.put(linear.name(), adapter);
            }
        }
        Map<String, Tensor> all = tensors(adapters);
        Map<String, Tensor> parameters = new LinkedHashMap<>(all);
        parameters.values().removeIf(tensor -> !tensor.isTrainable());
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("peft_type", adapterType());
        config.put("task_type", "CAUSAL_LM");
        config.put("inference_mode", true);
        config.put("target_modules", targets(options).modules());
        config.putAll(configuration(options));
        return new Tuning(
                tuned,
                parameters,
                optimizer(adapters, parameters, options, setup),
                setup,
                () -> new AdapterFile(null, config, all));
    }

    private static Map<String, Tensor> tensors(Map<String, TunedAdapter> adapters) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        adapters.forEach((matrix, adapter) ->
                adapter.tensors().forEach((part, tensor) -> tensors.put(name(matrix, part), tensor)));
        return tensors;
    }

    @Override
    public Transformer attach(Transformer model, AdapterFile file) throws ModelFormatException {
        Transformer result = model.frozen();
        int adapted = 0;
        for (Linear linear : result.linears()) {
            String start = name(linear.name(), "");
            if (file.tensors().keySet().stream().anyMatch(tensor -> tensor.startsWith(start))) {
                linear.setAdapter(read(linear, file));
                adapted++;
            }
        }
        if (adapted == 0) {
            throw file.refused("it adapts no matrix of this model");
        }
        return result;
    }

    /** A tensor of a matrix' adapter, as PEFT names it. */
    static String name(String matrix, String part) {
        return AdapterFile.PREFIX + matrix + "." + part;
    }
}
