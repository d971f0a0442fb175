package parsimony.core.backend.vector;

/**
 * How the columns of a matrix lie in words of 16 bits, and how they are cut into blocks whose products {@link IntegerKernel} adds up in 16 bits.
 *
 * @param columns of the matrix
 * @param bits of a packed code
 * @param middle what is taken off every code
 * @param groupSize columns that share a scale; the last group may have fewer
 * @param wordsPerGroup words of a row and group, the last one filled up
 * @param wordsPerBlock words of a row and block; groups are whole numbers of blocks
 */
record PackedLayout(int columns, int bits, int middle, int groupSize, int wordsPerGroup, int wordsPerBlock) {
    /** Columns of a block at most. */
    static final int BLOCK_COLUMNS = 32;

    static PackedLayout of(int columns, int bits, int middle, int groupSize) {
        int wordsPerGroup = Gemm.ceilDivide(groupSize, Short.SIZE / bits);
        int wordsPerBlock = Math.min(BLOCK_COLUMNS * bits / Short.SIZE, Integer.lowestOneBit(wordsPerGroup));
        return new PackedLayout(columns, bits, middle, groupSize, wordsPerGroup, wordsPerBlock);
    }

    int groups() {
        return Gemm.ceilDivide(columns, groupSize);
    }

    int columnsPerBlock() {
        return wordsPerBlock * Short.SIZE / bits;
    }

    int blocksPerGroup() {
        return wordsPerGroup / wordsPerBlock;
    }

    int blocks() {
        return groups() * blocksPerGroup();
    }

    int group(int block) {
        return block / blocksPerGroup();
    }

    int firstColumn(int block) {
        return group(block) * groupSize + block % blocksPerGroup() * columnsPerBlock();
    }

    /** Columns of a block that are there; the others only fill up words. */
    int blockColumns(int block) {
        int inGroup = block % blocksPerGroup() * columnsPerBlock();
        int left = Math.min(groupSize - inGroup, columns - firstColumn(block));
        return Math.max(0, Math.min(left, columnsPerBlock()));
    }
}
