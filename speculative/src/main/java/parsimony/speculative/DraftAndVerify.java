package parsimony.speculative;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import parsimony.core.autograd.Ops;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;
import parsimony.speculative.Acceptance.Verdict;
import parsimony.speculative.Drafter.Verified;

/**
 * What all techniques here share: a drafter proposes, the model reads the last token of the text and all proposals in one pass, an {@link Acceptance} chooses, and the caches keep the
 * accepted branch. The model's products are computed so that each row has the bits it would have alone, and those of a chain are to the bit what one token a pass gives.
 *
 * <p>Between the keys of a branch lie those of others, so that attention adds them up in another order: in a tree the last bit may differ, and two tokens that are likely alike may change places. A cache that
 * drops entries does so after a pass, when several tokens have become text, and not after each: there the text may differ from what one token a pass gives.
 */
final class DraftAndVerify implements DecodingStrategy {
    /** Tokens to be written that memory is set aside for at once. */
    private static final int MOST_RESERVED = 1024;

    private final String name;
    private final Drafter.Factory drafters;
    private final Acceptance acceptance;

    DraftAndVerify(String name, Drafter.Factory drafters, Acceptance acceptance) {
        this.name = name;
        this.drafters = drafters;
        this.acceptance = acceptance;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean isLossless() {
        return acceptance.isLossless();
    }

    @Override
    public Generation generate(Transformer model, Ops ops, Request request, Listener listener) {
        return generate(model, ops, request, listener, request.sampler().newRandom());
    }

    Generation generate(Transformer model, Ops ops, Request request, Listener listener, RandomGenerator random) {
        try (Sequence sequence = model.newSequence();
                Drafter drafter = drafters.begin(model, ops)) {
            return new Run(model, ops, request, listener, sequence, drafter, random).write();
        }
    }

    /** One text. */
    private final class Run {
        private final Transformer model;
        private final Ops ops;
        private final Request request;
        private final Listener listener;
        private final Sequence sequence;
        private final Drafter drafter;
        private final RandomGenerator random;
        private final Text text;
        private boolean stopped;
        private int passes;
        private int proposed;
        private int accepted;
        private long draftNanos;

        Run(
                Transformer model,
                Ops ops,
                Request request,
                Listener listener,
                Sequence sequence,
                Drafter drafter,
                RandomGenerator random) {
            this.model = model;
            this.ops = ops;
            this.request = request;
            this.listener = listener;
            this.sequence = sequence;
            this.drafter = drafter;
            this.random = random;
            text = new Text(request.prompt());
        }

        Generation write() {
            int promptTokens = request.prompt().length;
            sequence.reserve(promptTokens + Math.min(request.maxTokens(), MOST_RESERVED));
            long started = System.nanoTime();
            if (promptTokens > 1) {
                // The last token is read with the first proposal.
                model.read(ops, sequence, text.slice(0, promptTokens - 1));
            }
            long prefilled = System.nanoTime();
            int end = promptTokens + request.maxTokens();
            while (!stopped && text.size() < end) {
                pass(end - text.size() - 1);
            }
            return new Generation(
                    text.slice(promptTokens, text.size()),
                    stopped,
                    passes,
                    proposed,
                    accepted,
                    prefilled - started,
                    System.nanoTime() - prefilled,
                    draftNanos);
        }

        private void pass(int deepest) {
            long drafting = System.nanoTime();
            TokenTree tree = drafter.propose(text, deepest, request.sampler(), random);
            draftNanos += System.nanoTime() - drafting;
            Ops alike = ops.rowByRow();
            Tensor hidden = model.hiddenStates(ForwardContext.tree(alike, sequence, tree.tokens(), tree.parents(), 0));
            Tensor logits = model.logits(alike, hidden);
            passes++;
            proposed += tree.proposed();
            Verdict verdict = acceptance.judge(tree, logits, request.sampler(), random);
            for (int node : verdict.path()) {
                write(tree.token(node), Origin.DRAFT);
            }
            if (!stopped && verdict.rejected() >= 0) {
                listener.rejected(verdict.rejected());
            }
            write(verdict.next(), verdict.rejected() < 0 ? Origin.MODEL : Origin.CORRECTION);
            if (stopped) {
                return;
            }
            sequence.commit(IntStream.concat(IntStream.of(0), Arrays.stream(verdict.path()))
                    .toArray());
            drafting = System.nanoTime();
            drafter.verified(new Verified(tree, verdict.path(), hidden, logits));
            draftNanos += System.nanoTime() - drafting;
        }

        private void write(int token, Origin origin) {
            if (stopped) {
                return;
            }
            if (request.stopTokens().contains(token)) {
                stopped = true;
                return;
            }
            text.add(token);
            accepted += origin == Origin.DRAFT ? 1 : 0;
            listener.token(token, origin);
        }
    }
}
