package parsimony.speculative;

import java.util.Arrays;
import java.util.stream.IntStream;
import parsimony.core.autograd.Ops;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;

/** A smaller model that reads along with a text, and reads proposals on trial. */
final class DraftModel implements AutoCloseable {
    private final Transformer model;
    private final Ops ops;
    private final Sequence sequence;
    private int[] parents = new int[0];
    private int textRows;

    DraftModel(Transformer model, Ops ops) {
        this.model = model;
        this.ops = ops;
        sequence = model.newSequence();
    }

    /**
     * Reads what is new in a text.
     *
     * @return what follows its last token [1, vocabulary]
     */
    Tensor readText(Text text) {
        int unread = text.size() - sequence.length();
        int first = sequence.length();
        if (unread > 2) {
            model.read(ops, sequence, text.slice(first, text.size() - 1));
            first = text.size() - 1;
        }
        textRows = text.size() - first;
        parents = IntStream.range(-1, textRows - 1).toArray();
        Tensor hidden =
                model.hiddenStates(ForwardContext.tree(ops, sequence, text.slice(first, text.size()), parents, 0));
        return model.logits(ops, lastRow(hidden));
    }

    private static Tensor lastRow(Tensor x) {
        int from = x.size() - x.columns();
        return Tensor.of(Arrays.copyOfRange(x.array(), from, x.size()), 1, x.columns());
    }

    /** The row in which the text's last token was read. */
    int lastTextRow() {
        return textRows - 1;
    }

    /**
     * Reads proposals.
     *
     * @param rowsBefore the row before each token in its branch
     * @return what follows each token [tokens, vocabulary]; they stand in the next rows
     */
    Tensor read(int[] tokens, int[] rowsBefore) {
        int first = parents.length;
        parents = Arrays.copyOf(parents, first + tokens.length);
        System.arraycopy(rowsBefore, 0, parents, first, tokens.length);
        return model.forward(ForwardContext.tree(ops, sequence, tokens, parents, first));
    }

    /** Rows that were read since the last {@link #keep}. */
    int rows() {
        return parents.length;
    }

    /** Keeps the text and those rows of proposals that became text, and forgets the others. */
    void keep(int[] rows) {
        sequence.commit(IntStream.concat(IntStream.range(0, textRows), Arrays.stream(rows))
                .toArray());
        parents = new int[0];
        textRows = 0;
    }

    @Override
    public void close() {
        sequence.close();
    }
}
