package parsimony.speculative;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.Sampler;
import parsimony.core.model.Visibility;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.speculative.Acceptance.Verdict;
import tools.jackson.databind.JsonNode;

/** Medusa's tree and acceptance beside the authors' code. */
class MedusaOfficialTest {
    private static final JsonNode OFFICIAL = Official.read("medusa.json");
    /** Guesses of a head that the authors' code keeps. */
    private static final int RANKS = 10;

    static Stream<JsonNode> cases() {
        return OFFICIAL.get("cases").valueStream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void acceptsWhatTheOfficialCodeAccepts(JsonNode node) {
        TypicalAcceptance typical = new TypicalAcceptance(
                node.get("posterior_threshold").doubleValue(),
                node.get("posterior_alpha").doubleValue());
        double temperature = node.get("temperature").doubleValue();
        int expected = node.get("accept_length").intValue();
        int best = node.get("best_candidate").intValue();
        if (temperature == 0) {
            // Each candidate is a chain after its first token; the first of the longest is taken.
            int[] lengths = IntStream.range(0, node.get("candidates").size())
                    .map(i -> judge(typical, node, List.of(i), 0).path().length)
                    .toArray();
            assertThat(Arrays.stream(lengths).max()).hasValue(expected);
            assertThat(lengths[best]).isEqualTo(expected);
            return;
        }
        Verdict verdict = judge(
                typical,
                node,
                IntStream.range(0, node.get("candidates").size()).boxed().toList(),
                temperature);
        // The path begins with a candidate's first token, which was accepted before.
        if (expected > 0) {
            assertThat(verdict.path()).hasSize(expected + 1);
            assertThat((verdict.path()[0] - 1) / node.get("candidates").get(0).size())
                    .isEqualTo(best);
        } else {
            assertThat(verdict.path()).hasSize(1);
        }
    }

    /** Judges some candidates; several are branches after a token to which all first tokens are typical. */
    private static Verdict judge(
            TypicalAcceptance typical, JsonNode node, List<Integer> candidates, double temperature) {
        int vocabulary = node.get("logits").get(0).get(0).size();
        boolean one = candidates.size() == 1;
        TokenTree tree = null;
        List<float[]> rows = new ArrayList<>();
        if (!one) {
            tree = new TokenTree(0);
            rows.add(new float[vocabulary]);
        }
        for (int candidate : candidates) {
            int[] tokens = Official.integers(node.get("candidates").get(candidate));
            int parent = 0;
            for (int i = 0; i < tokens.length; i++) {
                if (tree == null) {
                    tree = new TokenTree(tokens[0]);
                } else if (one) {
                    parent = tree.propose(parent, tokens[i], null);
                } else {
                    parent = tree.readAlong(parent, tokens[i]);
                }
                rows.add(Official.floats(node.get("logits").get(candidate).get(i)));
            }
        }
        Tensor logits = Tensor.zeros(rows.size(), vocabulary);
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(rows.get(i), 0, logits.array(), i * vocabulary, vocabulary);
        }
        return typical.judge(tree, logits, new Sampler(temperature, 0, 1, 0), new SplittableRandom(1));
    }

    @Test
    void treeIsTheOfficialOne() {
        int[][] choices =
                OFFICIAL.get("choices").valueStream().map(Official::integers).toArray(int[][]::new);
        // A guess is told apart by the place that the authors' code keeps it in: behind the text's last token, head by
        // head.
        int[][] guesses = IntStream.range(0, 3)
                .mapToObj(head -> IntStream.range(0, RANKS)
                        .map(rank -> 1 + RANKS * head + rank)
                        .toArray())
                .toArray(int[][]::new);
        TokenTree tree = new MedusaTree(List.of(choices)).proposals(0, guesses, 5);
        JsonNode buffers = OFFICIAL.get("buffers");
        assertThat(tree.tokens()).containsExactly(Official.integers(buffers.get("tree_indices")));

        int size = tree.size();
        int[] depths = new int[size];
        for (int i = 1; i < size; i++) {
            depths[i] = depths[tree.parent(i)] + 1;
        }
        assertThat(depths).containsExactly(Official.integers(buffers.get("medusa_position_ids")));

        Visibility visibility = new Visibility.Tree(tree.parents(), 0);
        Matrix keys = Matrix.of(new float[size], size, 1);
        KeyValueTile tile = new KeyValueTile(keys, keys, new int[size], 0);
        float[][] mask = Official.table(buffers.get("medusa_attn_mask").get(0).get(0));
        for (int query = 0; query < size; query++) {
            for (int key = 0; key < size; key++) {
                assertThat(visibility.visible(query, tile, key))
                        .as(query + " sees " + key)
                        .isEqualTo(mask[query][key] == 1);
            }
        }

        List<List<Integer>> paths = new ArrayList<>();
        for (int node = 0; node < size; node++) {
            if (tree.proposals(node).isEmpty()) {
                List<Integer> path = new ArrayList<>();
                for (int at = node; at >= 0; at = tree.parent(at)) {
                    path.addFirst(at);
                }
                paths.add(path);
            }
        }
        List<List<Integer>> expected = buffers.get("retrieve_indices")
                .valueStream()
                .map(path -> path.valueStream()
                        .map(JsonNode::intValue)
                        .filter(i -> i >= 0)
                        .toList())
                .toList();
        assertThat(paths).containsExactlyInAnyOrderElementsOf(expected);
    }

    @Test
    void bestTreeTakesTheLikeliestCombinations() {
        float[][] accuracies = {{0.5f, 0.2f, 0.1f}, {0.4f, 0.3f, 0.1f}};
        assertThat(MedusaTree.best(accuracies, 4).choices())
                .containsExactly(new int[] {0}, new int[] {1}, new int[] {0, 0}, new int[] {0, 1});
    }
}
