package parsimony.core.model;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** The Llama forward pass of one text, written as on paper in double precision, without any part of the model under test. */
final class ReferenceLlama {
    private final TransformerConfig config;
    private final Map<String, double[]> parameters = new HashMap<>();

    /** Takes the model's numbers by their names in a checkpoint. */
    ReferenceLlama(Transformer model) {
        config = model.config();
        model.matrices()
                .forEach((name, matrix) ->
                        parameters.put(name, doubles(matrix.decode().array())));
        model.vectors().forEach((name, vector) -> parameters.put(name, doubles(vector.array())));
    }

    /** The numbers under a name; changing them changes the model. */
    double[] parameter(String name) {
        return parameters.get(name);
    }

    /** Logits [tokens][vocabulary]. */
    double[][] logits(int... tokens) {
        int hidden = config.hiddenSize();
        double[] embedding = parameters.get("model.embed_tokens.weight");
        double[][] x = new double[tokens.length][];
        for (int i = 0; i < tokens.length; i++) {
            x[i] = Arrays.copyOfRange(embedding, tokens[i] * hidden, (tokens[i] + 1) * hidden);
        }
        for (int layer = 0; layer < config.layers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            double[][] normed = norm(x, prefix + "input_layernorm.weight");
            double[][] q = linear(normed, prefix + "self_attn.q_proj");
            double[][] k = linear(normed, prefix + "self_attn.k_proj");
            double[][] v = linear(normed, prefix + "self_attn.v_proj");
            rotate(q);
            rotate(k);
            addTo(x, linear(attend(q, k, v), prefix + "self_attn.o_proj"));
            normed = norm(x, prefix + "post_attention_layernorm.weight");
            double[][] gate = linear(normed, prefix + "mlp.gate_proj");
            double[][] up = linear(normed, prefix + "mlp.up_proj");
            for (int i = 0; i < gate.length; i++) {
                for (int j = 0; j < gate[i].length; j++) {
                    gate[i][j] = gate[i][j] / (1 + Math.exp(-gate[i][j])) * up[i][j];
                }
            }
            addTo(x, linear(gate, prefix + "mlp.down_proj"));
        }
        return linear(norm(x, "model.norm.weight"), config.tiedEmbeddings() ? "model.embed_tokens" : "lm_head");
    }

    /** −log p of each target that is not negative, in nats; 0 elsewhere. */
    double[] losses(int[] tokens, int[] targets) {
        double[][] logits = logits(tokens);
        double[] losses = new double[targets.length];
        for (int i = 0; i < targets.length; i++) {
            if (targets[i] >= 0) {
                double sum = Arrays.stream(logits[i]).map(Math::exp).sum();
                losses[i] = Math.log(sum) - logits[i][targets[i]];
            }
        }
        return losses;
    }

    private double[][] norm(double[][] x, String name) {
        double[] weight = parameters.get(name);
        double[][] y = new double[x.length][weight.length];
        for (int i = 0; i < x.length; i++) {
            double meanSquare = Arrays.stream(x[i]).map(value -> value * value).sum() / weight.length;
            for (int j = 0; j < weight.length; j++) {
                y[i][j] = x[i][j] / Math.sqrt(meanSquare + config.normEpsilon()) * weight[j];
            }
        }
        return y;
    }

    private double[][] linear(double[][] x, String name) {
        double[] weight = parameters.get(name + ".weight");
        double[] bias = parameters.get(name + ".bias");
        int inputs = x[0].length;
        double[][] y = new double[x.length][weight.length / inputs];
        for (int i = 0; i < x.length; i++) {
            for (int out = 0; out < y[i].length; out++) {
                double sum = bias == null ? 0 : bias[out];
                for (int in = 0; in < inputs; in++) {
                    sum += weight[out * inputs + in] * x[i][in];
                }
                y[i][out] = sum;
            }
        }
        return y;
    }

    private void rotate(double[][] x) {
        int size = config.headSize();
        for (int position = 0; position < x.length; position++) {
            double[] row = x[position];
            for (int start = 0; start < row.length; start += size) {
                for (int pair = 0; pair < size / 2; pair++) {
                    boolean interleaved = config.rope().interleaved();
                    int first = start + (interleaved ? 2 * pair : pair);
                    int second = interleaved ? first + 1 : first + size / 2;
                    double angle = position / Math.pow(config.rope().theta(), 2.0 * pair / size);
                    double a = row[first];
                    double b = row[second];
                    row[first] = a * Math.cos(angle) - b * Math.sin(angle);
                    row[second] = b * Math.cos(angle) + a * Math.sin(angle);
                }
            }
        }
    }

    private double[][] attend(double[][] q, double[][] k, double[][] v) {
        int size = config.headSize();
        double[][] y = new double[q.length][q[0].length];
        for (int head = 0; head < config.heads(); head++) {
            int keyValueHead = head / (config.heads() / config.keyValueHeads());
            for (int i = 0; i < q.length; i++) {
                double total = 0;
                for (int j = 0; j <= i; j++) {
                    double score = 0;
                    for (int d = 0; d < size; d++) {
                        score += q[i][head * size + d] * k[j][keyValueHead * size + d];
                    }
                    double weight = Math.exp(score / Math.sqrt(size));
                    total += weight;
                    for (int d = 0; d < size; d++) {
                        y[i][head * size + d] += weight * v[j][keyValueHead * size + d];
                    }
                }
                for (int d = 0; d < size; d++) {
                    y[i][head * size + d] /= total;
                }
            }
        }
        return y;
    }

    private static void addTo(double[][] x, double[][] y) {
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < x[i].length; j++) {
                x[i][j] += y[i][j];
            }
        }
    }

    private static double[] doubles(float[] numbers) {
        double[] doubles = new double[numbers.length];
        for (int i = 0; i < numbers.length; i++) {
            doubles[i] = numbers[i];
        }
        return doubles;
    }
}
