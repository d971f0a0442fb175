package parsimony.speculative;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import parsimony.core.model.Sampler;
import parsimony.core.tensor.Tensor;
import parsimony.speculative.TokenTree.Proposal;

/**
 * Accepts so that the text has the model's own distribution. A token that was drawn from q is accepted with probability min(1, p / q); if it is not, the next one is judged by what p leaves over,
 * norm(max(0, p − q)), and if none is left, a token is drawn from that (Leviathan et al., 2023, Alg. 1; Chen et al., 2023, Alg. 2; several proposals after one node:
 * SpecInfer, Miao et al., 2024, Alg. 2). After the last node a token is drawn from p.
 *
 * <p>A token that was chosen without drawing has q = 1. At temperature 0 just what the model would have said is accepted.
 */
final class SpeculativeSampling implements Acceptance {
    @Override
    public Verdict judge(TokenTree tree, Tensor logits, Sampler sampler, RandomGenerator random) {
        List<Integer> path = new ArrayList<>();
        while (true) {
            int node = path.isEmpty() ? 0 : path.getLast();
            Step step = sampler.temperature() == 0
                    ? likeliest(tree, node, logits)
                    : drawn(tree, node, sampler.distribution(Logits.row(logits, node)), random);
            if (step.node < 0) {
                List<Proposal> rejected = tree.proposals(node);
                return new Verdict(
                        path.stream().mapToInt(i -> i).toArray(),
                        step.token,
                        rejected.isEmpty() ? -1 : tree.token(rejected.getFirst().node()));
            }
            path.add(step.node);
        }
    }

    /** The token that follows, and its node if it was proposed, else −1. */
    private record Step(int token, int node) {}

    /** Temperature 0, where p is a single 1. */
    private static Step likeliest(TokenTree tree, int node, Tensor logits) {
        int token = Logits.likeliest(logits, node);
        int child = tree.proposals(node).stream()
                .mapToInt(Proposal::node)
                .filter(proposed -> tree.token(proposed) == token)
                .findFirst()
                .orElse(-1);
        return new Step(token, child);
    }

    private static Step drawn(TokenTree tree, int node, float[] distribution, RandomGenerator random) {
        float[] p = distribution;
        for (Proposal proposal : tree.proposals(node)) {
            int token = tree.token(proposal.node());
            float q = proposal.distribution() == null ? 1 : proposal.distribution()[token];
            if (random.nextDouble() < (double) p[token] / q) {
                return new Step(token, proposal.node());
            }
            p = residual(p, token, proposal.distribution());
        }
        return new Step(Sampler.draw(p, random.nextDouble()), -1);
    }

    /** norm(max(0, p − q)); p itself where nothing is left over, which happens only by rounding. */
    static float[] residual(float[] p, int token, float[] q) {
        float[] rest = new float[p.length];
        double total = 0;
        for (int i = 0; i < p.length; i++) {
            float proposed = q == null ? (i == token ? 1 : 0) : q[i];
            rest[i] = Math.max(0, p[i] - proposed);
            total += rest[i];
        }
        if (total == 0) {
            return p;
        }
        for (int i = 0; i < rest.length; i++) {
            rest[i] = (float) (rest[i] / total);
        }
        return rest;
    }

    @Override
    public boolean isLossless() {
        return true;
    }
}
