package parsimony.core.backend.vector;

/** How the columns of a matrix lie in words of 16 bits, and how they are cut into blocks whose products {@link IntegerKernel} adds up in 16 bits. */
final class PackedLayout {
    /** Columns of a block at most. */
    static final int BLOCK_COLUMNS = 32;

    /** Columns of the matrix. */
    final int columns;
    /** Bits of a packed code. */
    final int bits;
    /** What is taken off every code. */
    final int middle;
    /** Columns that share a scale; the last group may have fewer. */
    final int groupSize;

    /** Whether scales are kept in 16 bits. */
    final boolean hasHalfScales;

    final int groups;
    /** Words of a row and group, the last ones filled up. */
    final int wordsPerGroup;
    /** Words of a row and block; groups are whole numbers of blocks. */
    final int wordsPerBlock;

    final int columnsPerBlock;
    final int blocksPerGroup;
    /** Blocks of a row. */
    final int blocks;

    PackedLayout(int columns, int bits, int middle, int groupSize, boolean hasHalfScales) {
        this.columns = columns;
        this.bits = bits;
        this.middle = middle;
        this.groupSize = groupSize;
        this.hasHalfScales = hasHalfScales;
        int wordColumns = Short.SIZE / bits;
        groups = Gemm.ceilDivide(columns, groupSize);
        int words = Gemm.ceilDivide(groupSize, wordColumns);
        int wholeBlock = BLOCK_COLUMNS / wordColumns;
        // A long group is filled up to whole blocks; a short one would become mostly filling.
        wordsPerGroup = words > wholeBlock ? Gemm.roundUp(words, wholeBlock) : words;
        wordsPerBlock = Math.min(wholeBlock, Integer.lowestOneBit(wordsPerGroup));
        columnsPerBlock = wordsPerBlock * wordColumns;
        blocksPerGroup = wordsPerGroup / wordsPerBlock;
        blocks = groups * blocksPerGroup;
    }

    /** Ints that the scales of so many rows take. */
    int scaleInts(int rows) {
        return hasHalfScales ? rows / 2 : rows;
    }

    int group(int block) {
        return block / blocksPerGroup;
    }

    int firstColumn(int block) {
        return group(block) * groupSize + block % blocksPerGroup * columnsPerBlock;
    }

    /** Columns of a block that are there; the others only fill up words. */
    int blockColumns(int block) {
        int inGroup = block % blocksPerGroup * columnsPerBlock;
        int left = Math.min(groupSize - inGroup, columns - firstColumn(block));
        return Math.max(0, Math.min(left, columnsPerBlock));
    }
}
