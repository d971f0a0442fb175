// C = A * B, or C += A * B, by tiles, for many pairs of matrices at once. Computed one number at a time, every number of A and B would be fetched from the
// device's memory once for each number of C that needs it. Here a group of work items computes a TILE_ROWS x TILE_COLUMNS piece of C together: it copies
// DEPTH columns of A and DEPTH rows of B to local memory, where each number is used TILE_COLUMNS or TILE_ROWS times, and goes on to the next DEPTH. Reading
// local memory takes time, too, so each item computes several numbers of C: four neighbours of a column times WIDTH neighbours of a row, in
// ROW_PARTS x COLUMN_PARTS such pieces, that lie apart so that items which are neighbours read what are neighbours in local memory. All that an item has in
// registers serves a whole piece: with 8 x 8 numbers, 16 that are read are good for 64 multiplications.
//
// What comes next is fetched from the device's memory into registers before the item computes with what is there: the long way is gone while it computes.
//
// Strides say how the matrices lie: element (i, l) of A is a[i * aRow + l * aColumn], so a transposed matrix is one whose strides are exchanged. The pairs
// are numbered by the third dimension of the groups; pair p begins at p / innerCount * outer + p % innerCount * inner of each operand: the heads of many
// sequences, or the pieces into which a long sum is cut.
//
// The names in capitals are given by the compiler's options, as the device's limits allow.

#define JOINED(a, b) a##b
#define JOIN(a, b) JOINED(a, b)
#define VECTOR JOIN(float, WIDTH)
#define STORE JOIN(vstore, WIDTH)
// Items side by side and below one another.
#define ITEMS_X (TILE_COLUMNS / (WIDTH * COLUMN_PARTS))
#define ITEMS_Y (TILE_ROWS / (4 * ROW_PARTS))
#define ITEMS (ITEMS_X * ITEMS_Y)
// Numbers of A and of B that an item copies.
#define COPIES_A (TILE_ROWS * DEPTH / ITEMS)
#define COPIES_B (TILE_COLUMNS * DEPTH / ITEMS)

kernel __attribute__((reqd_work_group_size(ITEMS_X, ITEMS_Y, 1))) void gemm(
        int m,
        int n,
        int inner,
        global const float *a, // [m][inner]
        int aOffset,
        int aRow,
        int aColumn,
        int aOuter,
        int aInner,
        global const float *b, // [inner][n]
        int bOffset,
        int bRow,
        int bColumn,
        int bOuter,
        int bInner,
        global float *c,       // [m][n]
        int cOffset,
        int cRow,
        int cOuter,
        int cInner,
        int innerCount,
        int accumulate) {
    // Rows are a vector longer than is used: items that write down a column then reach different banks of local memory.
    local float tileA[DEPTH][TILE_ROWS + 4] __attribute__((aligned(64)));
    local float tileB[DEPTH][TILE_COLUMNS + WIDTH] __attribute__((aligned(64)));
    int x = get_local_id(0);
    int y = get_local_id(1);
    int item = y * ITEMS_X + x;
    int firstRow = get_group_id(1) * TILE_ROWS;
    int firstColumn = get_group_id(0) * TILE_COLUMNS;
    int outer = get_group_id(2) / innerCount;
    int within = get_group_id(2) % innerCount;
    a += aOffset + (size_t) outer * aOuter + (size_t) within * aInner;
    b += bOffset + (size_t) outer * bOuter + (size_t) within * bInner;
    c += cOffset + (size_t) outer * cOuter + (size_t) within * cInner;

    float nextA[COPIES_A];
    float nextB[COPIES_B];
    VECTOR sums[ROW_PARTS * 4][COLUMN_PARTS];
#pragma unroll
    for (int r = 0; r < ROW_PARTS * 4; r++) {
#pragma unroll
        for (int q = 0; q < COLUMN_PARTS; q++) {
            sums[r][q] = 0;
        }
    }
    for (int first = -DEPTH; first < inner; first += DEPTH) {
        if (first >= 0) {
#pragma unroll
            for (int k = 0; k < COPIES_A; k++) {
                int t = item + k * ITEMS;
                int i = aColumn == 1 ? t / DEPTH : t % TILE_ROWS;
                int l = aColumn == 1 ? t % DEPTH : t / TILE_ROWS;
                tileA[l][i] = nextA[k];
            }
#pragma unroll
            for (int k = 0; k < COPIES_B; k++) {
                int t = item + k * ITEMS;
                int j = bColumn == 1 ? t % TILE_COLUMNS : t / DEPTH;
                int l = bColumn == 1 ? t / TILE_COLUMNS : t % DEPTH;
                tileB[l][j] = nextB[k];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        int next = first + DEPTH;
        if (next < inner) {
            // Items that are neighbours read what are neighbours in memory. What lies outside is read as zero, which adds nothing.
#pragma unroll
            for (int k = 0; k < COPIES_A; k++) {
                int t = item + k * ITEMS;
                int i = firstRow + (aColumn == 1 ? t / DEPTH : t % TILE_ROWS);
                int l = next + (aColumn == 1 ? t % DEPTH : t / TILE_ROWS);
                nextA[k] = i < m && l < inner ? a[(size_t) i * aRow + (size_t) l * aColumn] : 0;
            }
#pragma unroll
            for (int k = 0; k < COPIES_B; k++) {
                int t = item + k * ITEMS;
                int j = firstColumn + (bColumn == 1 ? t % TILE_COLUMNS : t / DEPTH);
                int l = next + (bColumn == 1 ? t / TILE_COLUMNS : t % DEPTH);
                nextB[k] = j < n && l < inner ? b[(size_t) l * bRow + (size_t) j * bColumn] : 0;
            }
        }
        if (first >= 0) {
#pragma unroll
            for (int l = 0; l < DEPTH; l++) {
                VECTOR right[COLUMN_PARTS];
#pragma unroll
                for (int q = 0; q < COLUMN_PARTS; q++) {
                    right[q] = *(local const VECTOR *) &tileB[l][q * (TILE_COLUMNS / COLUMN_PARTS) + x * WIDTH];
                }
#pragma unroll
                for (int p = 0; p < ROW_PARTS; p++) {
                    float4 left = *(local const float4 *) &tileA[l][p * (TILE_ROWS / ROW_PARTS) + y * 4];
#pragma unroll
                    for (int q = 0; q < COLUMN_PARTS; q++) {
                        sums[p * 4][q] += left.s0 * right[q];
                        sums[p * 4 + 1][q] += left.s1 * right[q];
                        sums[p * 4 + 2][q] += left.s2 * right[q];
                        sums[p * 4 + 3][q] += left.s3 * right[q];
                    }
                }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#pragma unroll
    for (int r = 0; r < ROW_PARTS * 4; r++) {
        int row = firstRow + r / 4 * (TILE_ROWS / ROW_PARTS) + y * 4 + r % 4;
#pragma unroll
        for (int q = 0; q < COLUMN_PARTS; q++) {
            float numbers[WIDTH];
            STORE(sums[r][q], 0, numbers);
#pragma unroll
            for (int w = 0; w < WIDTH; w++) {
                int column = firstColumn + q * (TILE_COLUMNS / COLUMN_PARTS) + x * WIDTH + w;
                if (row < m && column < n) {
                    size_t at = (size_t) row * cRow + column;
                    c[at] = accumulate ? c[at] + numbers[w] : numbers[w];
                }
            }
        }
    }
}
