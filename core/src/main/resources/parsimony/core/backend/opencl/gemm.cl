// C = A * B, or C += A * B, by tiles. Computed one number at a time, every number of A and B would be fetched from the device's memory once for
// each number of C that needs it. Here a group of work items computes a TILE x TILE piece of C together: it copies a tile of A and a tile of B
// to local memory, uses each number there TILE times, and goes on to the next pair of tiles. Each item computes PER_ITEM numbers of one column of
// C, so that a number of B, once it is in a register, serves them all. What lies outside the matrices is read as zero, which adds nothing.
//
// Strides say how the matrices lie: element (i, l) of A is a[i * aRow + l * aColumn], so a transposed matrix is one whose strides are exchanged.
//
// TILE and PER_ITEM are given by the compiler's options, as the device's limits allow. Groups have TILE x (TILE / PER_ITEM) items.

#define STEP (TILE / PER_ITEM)

kernel void gemm(
        int m,
        int n,
        int inner,
        global const float *a, // [m][inner]
        int aRow,
        int aColumn,
        global const float *b, // [inner][n]
        int bRow,
        int bColumn,
        global float *c,       // [m][n], without gaps
        int accumulate) {
    // One column more than is used: items that read down a column then reach different banks of local memory.
    local float tileA[TILE][TILE + 1];
    local float tileB[TILE][TILE + 1];
    int x = get_local_id(0);
    int y = get_local_id(1);
    int firstRow = get_group_id(1) * TILE;
    int firstColumn = get_group_id(0) * TILE;
    float sums[PER_ITEM];
    for (int w = 0; w < PER_ITEM; w++) {
        sums[w] = 0;
    }
    for (int first = 0; first < inner; first += TILE) {
        for (int w = 0; w < PER_ITEM; w++) {
            int other = y + w * STEP;
            // Items that are neighbours in x read what are neighbours in memory.
            int i = aColumn == 1 ? other : x;
            int l = aColumn == 1 ? x : other;
            int inside = firstRow + i < m && first + l < inner;
            tileA[i][l] = inside ? a[(size_t) (firstRow + i) * aRow + (size_t) (first + l) * aColumn] : 0;
            int j = bColumn == 1 ? x : other;
            l = bColumn == 1 ? other : x;
            inside = firstColumn + j < n && first + l < inner;
            tileB[l][j] = inside ? b[(size_t) (first + l) * bRow + (size_t) (firstColumn + j) * bColumn] : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int l = 0; l < TILE; l++) {
            float right = tileB[l][x];
            for (int w = 0; w < PER_ITEM; w++) {
                sums[w] += tileA[y + w * STEP][l] * right;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    int column = firstColumn + x;
    for (int w = 0; w < PER_ITEM; w++) {
        int row = firstRow + y + w * STEP;
        if (row < m && column < n) {
            size_t at = (size_t) row * n + column;
            c[at] = accumulate ? c[at] + sums[w] : sums[w];
        }
    }
}
