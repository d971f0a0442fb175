package parsimony.lora;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import parsimony.core.ModelFormatException;
import parsimony.core.autograd.Ops;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.KeyValuePrefix;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.model.Visibility;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Tensor;
import parsimony.core.train.AdamW;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Tuning;

/**
 * Prompt tuning: a few learned embeddings stand before the embeddings of every text; nothing else is trained (Section 2). They begin as the embeddings of random tokens (Section 3.2).
 *
 * <p>What stands first sees nothing of what follows, so it is the same for all texts: here the prompt goes through the blocks once a forward pass, and its keys and values precede those of every text.
 * That computes what PEFT computes, which puts the embeddings before each text: there positions are counted from the prompt on, here from the text on, and only distances matter.
 */
@Paper(survey = 91)
public final class PromptTuning implements FineTuner<PromptTuning.Options> {
    private static final String TENSOR = "prompt_embeddings";

    /** @param tokens embeddings that are learned */
    public record Options(int tokens) {
        public Options {
            if (tokens < 1) {
                throw new IllegalArgumentException("tokens must be at least 1, not " + tokens);
            }
        }
    }

    @Override
    public String name() {
        return "prompt";
    }

    @Override
    public String idea() {
        return "A few learned embeddings stand before those of every text, and nothing else is trained. They "
                + "act like the words of a prompt, found by gradients, and are only a few thousand numbers to "
                + "train and to keep for each task.";
    }

    @Override
    public Options defaults() {
        return new Options(20);
    }

    @Override
    public double learningRate() {
        return 3e-2;
    }

    @Override
    public String adapterType() {
        return "PROMPT_TUNING";
    }

    @Override
    public Tuning prepare(Transformer base, Options options, Setup setup) {
        if (!base.isMergeable()) {
            throw new TechniqueException("the model has a learned prefix already");
        }
        Transformer model = base.merged().frozen();
        int hidden = model.config().hiddenSize();
        SplittableRandom random = new SplittableRandom(setup.seed());
        Tensor embeddings = Tensor.zeros(options.tokens, hidden).setTrainable(true);
        for (int i = 0; i < options.tokens; i++) {
            model.embedding().decodeRow(random.nextInt(model.embedding().rows()), embeddings.array(), i * hidden);
        }
        put(model, embeddings);
        Map<String, Tensor> parameters = Map.of(TENSOR, embeddings);
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("peft_type", adapterType());
        fields.put("task_type", "CAUSAL_LM");
        fields.put("inference_mode", true);
        fields.put("num_virtual_tokens", options.tokens);
        fields.put("num_transformer_submodules", 1);
        fields.put("num_layers", model.config().layers());
        fields.put("num_attention_heads", model.config().heads());
        fields.put("token_dim", hidden);
        return new Tuning(
                model,
                parameters,
                new AdamW(parameters, setup.backend(), setup.training()),
                setup,
                () -> new AdapterFile(null, fields, parameters));
    }

    private static void put(Transformer model, Tensor embeddings) {
        Prompt prompt = new Prompt(embeddings);
        PrefixTuning.blocks(model).forEach(block -> block.setLearnedPrefix(prompt));
    }

    @Override
    public Transformer attach(Transformer base, AdapterFile file) throws ModelFormatException {
        int tokens = (int) file.number("num_virtual_tokens");
        if (tokens < 1 || tokens > base.config().contextLength()) {
            throw file.refused("num_virtual_tokens must be from 1 to the model's context of "
                    + base.config().contextLength() + ", not " + tokens);
        }
        Transformer result = base.frozen();
        put(result, file.tensor(TENSOR, tokens, base.config().hiddenSize()));
        return result;
    }

    /** The prompt's keys and values in every block; once its embeddings are learned they are computed only once. */
    private static final class Prompt implements KeyValuePrefix {
        private final Tensor embeddings;
        private Pass learned;

        Prompt(Tensor embeddings) {
            this.embeddings = embeddings;
        }

        @Override
        public synchronized KeyValues of(ForwardContext context, int index, LlamaBlock block) {
            Pass pass = context.remember(this, () -> learned == null ? new Pass(context.ops(), embeddings) : learned);
            if (!embeddings.isTrainable()) {
                learned = pass;
            }
            // On its own way through the blocks nothing stands before the prompt.
            return context == pass.own ? null : pass.entries(this, index, block);
        }
    }

    /** The prompt on its way through the blocks, one block further each time that a text enters the next. */
    private static final class Pass {
        private final ForwardContext own;
        private final List<KeyValuePrefix.KeyValues> entries = new ArrayList<>();
        private Tensor hidden;

        Pass(Ops ops, Tensor embeddings) {
            int tokens = embeddings.rows();
            int[] positions = IntStream.range(-tokens, 0).toArray();
            Visibility causal = new Visibility.Causal(positions, 0);
            own = new ForwardContext(
                    ops, new int[tokens], positions, List.of(new ForwardContext.Span(0, tokens, null, causal)));
            hidden = embeddings;
        }

        KeyValuePrefix.KeyValues entries(Prompt prompt, int index, LlamaBlock block) {
            if (index == entries.size()) {
                own.remember(prompt, () -> this);
                entries.add(block.keyValuesOf(own, hidden));
                hidden = block.forward(own, index, hidden);
            }
            return entries.get(index);
        }
    }
}
