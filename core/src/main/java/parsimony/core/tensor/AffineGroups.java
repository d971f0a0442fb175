package parsimony.core.tensor;

/**
 * Weights kept as small integers in groups of neighbouring inputs, each group with one scale and one offset: w =
 * scale · code + offset. Whatever the packing in memory or in a file, a kernel that reads this interface
 * multiplies by all of them.
 */
public interface AffineGroups extends WeightStorage {
    /** Bits of one code, 2 to 8. */
    int bits();

    /** Weights that share a scale, at least 1; the last group of a row may be shorter. */
    int groupSize();

    /** Groups in a row. */
    default int groups() {
        return (columns() + groupSize() - 1) / groupSize();
    }

    /** Writes the {@link #columns()} codes of a row, unsigned, one a byte. */
    void readCodes(int row, byte[] target, int offset);

    /** What a code of this group is multiplied by. */
    float scale(int row, int group);

    /** Whether half precision holds every {@link #scale}, so that 16 bits are enough for it. */
    default boolean hasHalfScales() {
        return false;
    }

    /**
     * What is added after that: −scale · zeroPoint where the grid has a zero point, the minimum where it stores
     * one.
     */
    float offset(int row, int group);
}
