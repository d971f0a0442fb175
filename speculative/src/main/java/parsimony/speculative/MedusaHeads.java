package parsimony.speculative;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import parsimony.core.ModelFormatException;
import parsimony.core.autograd.Ops;
import parsimony.core.io.SafeTensors;
import parsimony.core.io.StoredTensor;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;
import parsimony.core.train.AdamW;
import parsimony.core.train.BatchLoss;
import parsimony.core.train.TrainingOptions;

/**
 * Medusa's heads: head k sees what the model's output matrix sees, h, and predicts the token k places behind the one which that matrix predicts,
 *
 * <pre>  p⁽ᵏ⁾ = softmax(W₂ · (h + SiLU(W₁ · h + b)))</pre>
 *
 * (Section 2.1.1; the bias is the authors' code's). W₁ begins with zeros and W₂ as the model's own output matrix.
 *
 * @param heads in their order
 * @param accuracies [heads][rank] how often the text's token is the head's guess of that rank, on text that it was not trained on
 */
record MedusaHeads(List<Head> heads, float[][] accuracies) {
    /** Guesses of a head that may be proposed. */
    static final int RANKS = 10;

    private static final double LEARNING_RATE = 1e-3;
    /** λ: what a head's loss counts less than that of the one before it (Eq. 1). */
    private static final float DECAY = 0.8f;
    /** Of so many texts one is kept back to measure the heads. */
    private static final int KEPT_BACK = 8;

    private static final int TEXTS_PER_STEP = 2;

    /**
     * One head.
     *
     * @param residual W₁ [hidden, hidden]
     * @param bias b [hidden]
     * @param output W₂ [vocabulary, hidden]
     */
    record Head(Tensor residual, Tensor bias, Tensor output) {
        /** @return what it predicts for some rows of h [rows, vocabulary] */
        Tensor logits(Ops ops, Tensor h) {
            Tensor inner = ops.addBias(ops.multiply(h, residual), bias);
            Tensor ones = inner.zerosLike();
            Arrays.fill(ones.array(), 1);
            return ops.multiply(ops.add(h, ops.swiGlu(inner, ones)), output);
        }
    }

    /** Trains heads on the calibration text; the model stays as it is (Medusa-1, Section 2.2.1). */
    static MedusaHeads train(Transformer model, int count, int epochs, TechniqueContext context) {
        int hidden = model.config().hiddenSize();
        List<Head> heads = new ArrayList<>();
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            Head head = new Head(
                    Tensor.zeros(hidden, hidden).setTrainable(true),
                    Tensor.zeros(hidden).setTrainable(true),
                    model.output().weight().decode().setTrainable(true));
            heads.add(head);
            parameters.putAll(named(i, head));
        }
        List<int[]> texts = context.calibration();
        List<int[]> measured = texts.size() < KEPT_BACK ? texts : every(texts, true);
        List<int[]> training = every(texts, false);
        int batches = Math.ceilDiv(training.size(), TEXTS_PER_STEP);
        int steps = epochs * batches;
        TrainingOptions options = TrainingOptions.fineTuning(steps, 1, 1, 1, LEARNING_RATE);
        AdamW optimizer = new AdamW(parameters, context.backend(), options);
        Ops ops = new Ops(context.backend());
        for (int step = 0; step < steps; step++) {
            int first = step % batches * TEXTS_PER_STEP;
            List<int[]> batch = training.subList(first, Math.min(first + TEXTS_PER_STEP, training.size()));
            optimizer.update(
                    new Loss(
                            ops,
                            heads,
                            batch,
                            batch.stream().map(text -> hidden(model, ops, text)).toList()),
                    step,
                    options.learningRate(step));
            context.progress().update("training Medusa's heads", step + 1, steps, 0);
        }
        parameters.values().forEach(parameter -> parameter.setTrainable(false));
        return new MedusaHeads(heads, accuracies(model, ops, heads, measured));
    }

    private static List<int[]> every(List<int[]> texts, boolean keptBack) {
        return IntStream.range(0, texts.size())
                .filter(i -> (i % KEPT_BACK == KEPT_BACK - 1) == keptBack)
                .mapToObj(texts::get)
                .toList();
    }

    /** What the output matrix sees of a text [tokens, hidden]. */
    private static Tensor hidden(Transformer model, Ops ops, int[] text) {
        return model.normalized(ops, model.hiddenStates(ForwardContext.batch(ops, text, text.length)));
    }

    /** What head {@code head}, counted from 0, is to predict at each token; −1 where the text is over. */
    private static int[] targets(int[] text, int head) {
        return IntStream.range(0, text.length)
                .map(i -> i + head + 2 < text.length ? text[i + head + 2] : -1)
                .toArray();
    }

    /** Eq. 1. */
    private record Loss(Ops ops, List<Head> heads, List<int[]> texts, List<Tensor> hidden) implements BatchLoss {
        @Override
        public int passes() {
            return texts.size();
        }

        @Override
        public double forward(int pass) {
            double loss = 0;
            float weight = 1f / texts.size();
            for (int head = 0; head < heads.size(); head++) {
                weight *= DECAY;
                Tensor logits = heads.get(head).logits(ops, hidden.get(pass));
                loss += ops.crossEntropy(logits, targets(texts.get(pass), head), weight);
            }
            return loss / heads.size();
        }
    }

    private static float[][] accuracies(Transformer model, Ops ops, List<Head> heads, List<int[]> texts) {
        float[][] accuracies = new float[heads.size()][RANKS];
        for (int i = 0; i < heads.size(); i++) {
            int counted = 0;
            for (int[] text : texts) {
                Tensor logits = heads.get(i).logits(ops, hidden(model, ops, text));
                int[] targets = targets(text, i);
                for (int row = 0; row < text.length && targets[row] >= 0; row++) {
                    counted++;
                    int[] guesses = Logits.likeliest(logits, row, RANKS);
                    for (int rank = 0; rank < guesses.length; rank++) {
                        accuracies[i][rank] += guesses[rank] == targets[row] ? 1 : 0;
                    }
                }
            }
            for (int rank = 0; rank < RANKS; rank++) {
                accuracies[i][rank] /= Math.max(1, counted);
            }
        }
        return accuracies;
    }

    /** What each head guesses after a token, likeliest first. */
    int[][] guesses(Ops ops, Tensor h) {
        return heads.stream()
                .map(head -> Logits.likeliest(head.logits(ops, h), 0, RANKS))
                .toArray(int[][]::new);
    }

    /** The tensors of a head under the names that the authors' code gives them. */
    private static Map<String, Tensor> named(int head, Head of) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put(head + ".0.linear.weight", of.residual);
        tensors.put(head + ".0.linear.bias", of.bias);
        tensors.put(head + ".1.weight", of.output);
        return tensors;
    }

    /** Writes the heads to a safetensors file. */
    void write(Path file) throws IOException {
        Map<String, WeightStorage> matrices = new LinkedHashMap<>();
        Map<String, Tensor> vectors = new LinkedHashMap<>();
        for (int i = 0; i < heads.size(); i++) {
            named(i, heads.get(i)).forEach((name, tensor) -> {
                if (tensor.rank() == 2) {
                    matrices.put(name, new TensorStorage(tensor));
                } else {
                    vectors.put(name, tensor);
                }
            });
            vectors.put(i + ".accuracies", Tensor.of(accuracies[i], RANKS));
        }
        SafeTensors.write(file, DataType.F32, matrices, vectors, Map.of("format", "pt"));
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws ModelFormatException if these are no heads for the model
     */
    static MedusaHeads read(Path file, Transformer model) throws IOException {
        SafeTensors tensors = SafeTensors.open(file);
        int hidden = model.config().hiddenSize();
        int vocabulary = model.config().vocabularySize();
        List<Head> heads = new ArrayList<>();
        List<float[]> accuracies = new ArrayList<>();
        do {
            String name = heads.size() + ".";
            heads.add(new Head(
                    shaped(tensors.tensor(name + "0.linear.weight"), hidden, hidden),
                    shaped(tensors.tensor(name + "0.linear.bias"), hidden),
                    shaped(tensors.tensor(name + "1.weight"), vocabulary, hidden)));
            accuracies.add(shaped(tensors.tensor(name + "accuracies"), RANKS).array());
        } while (tensors.tensors().containsKey(heads.size() + ".0.linear.weight"));
        return new MedusaHeads(heads, accuracies.toArray(float[][]::new));
    }

    private static Tensor shaped(StoredTensor stored, int... shape) throws ModelFormatException {
        List<Long> wanted = Arrays.stream(shape).mapToObj(size -> (long) size).toList();
        if (!stored.shape().equals(wanted)) {
            throw new ModelFormatException(
                    stored.file(),
                    stored.offset(),
                    stored.name() + " has shape " + stored.shape() + ", where the model needs " + wanted);
        }
        return shape.length == 2 ? stored.matrix().decode() : stored.vector();
    }
}
