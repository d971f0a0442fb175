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
 * <p>A token that was chosen without drawing has q = 1. At temperature 0 the distribution p is a single 1, and the rule accepts just what the model would have said.
 */
final class SpeculativeSampling implements Acceptance {
    @Override
    public Verdict judge(TokenTree tree, Tensor logits, Sampler sampler, RandomGenerator random) {
        List<Integer> path = new ArrayList<>();
        int node = 0;
        while (true) {
            float[] p = sampler.distribution(Logits.row(logits, node));
            int accepted = -1;
            for (Proposal proposal : tree.proposals(node)) {
                int token = tree.token(proposal.node());
                float q = proposal.distribution() == null ? 1 : proposal.distribution()[token];
                if (random.nextDouble() < (double) p[token] / q) {
                    accepted = proposal.node();
                    break;
                }
                p = residual(p, token, proposal.distribution());
            }
            if (accepted < 0) {
                int next = sampler.temperature() == 0 ? only(p) : Sampler.draw(p, random.nextDouble());
                List<Proposal> rejected = tree.proposals(node);
                return new Verdict(
                        path.stream().mapToInt(i -> i).toArray(),
                        next,
                        rejected.isEmpty() ? -1 : tree.token(rejected.getFirst().node()));
            }
            path.add(accepted);
            node = accepted;
        }
    }

    private static int only(float[] distribution) {
        int token = 0;
        while (distribution[token] == 0) {
            token++;
        }
        return token;
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
