// C = A * B, or C += A * B, by tiles. Computed one number at a time, every number of A and B would be fetched from the device's memory once for
// each number of C that needs it. Here a group of work items computes a TILE x TILE piece of C together: it copies DEPTH columns of A and DEPTH rows of
// B to local memory, where each number is used TILE times, and goes on to the next DEPTH. Reading local memory takes time, too, so each item computes
// several numbers of C: WIDTH neighbours of a row, as one vector, in each of ROWS rows. A vector of B, once it is in registers, serves ROWS rows, and a
// number of A serves WIDTH columns.
//
// Strides say how the matrices lie: element (i, l) of A is a[i * aRow + l * aColumn], so a transposed matrix is one whose strides are exchanged.
//
// TILE, DEPTH, ROWS and WIDTH are given by the compiler's options, as the device's limits allow. Groups have TILE / WIDTH x TILE / ROWS items.

#define JOINED(a, b) a##b
#define JOIN(a, b) JOINED(a, b)
#define VECTOR JOIN(float, WIDTH)
#define LOAD JOIN(vload, WIDTH)
#define STORE JOIN(vstore, WIDTH)
#define STEP (TILE / ROWS)

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
    local float tileA[TILE][DEPTH + 1];
    local float tileB[DEPTH][TILE];
    int x = get_local_id(0);
    int y = get_local_id(1);
    int item = y * (TILE / WIDTH) + x;
    int items = TILE / WIDTH * STEP;
    int firstRow = get_group_id(1) * TILE;
    int firstColumn = get_group_id(0) * TILE;
    VECTOR sums[ROWS];
    for (int r = 0; r < ROWS; r++) {
        sums[r] = 0;
    }
    for (int first = 0; first < inner; first += DEPTH) {
        for (int t = item; t < TILE * DEPTH; t += items) {
            // Items that are neighbours read what are neighbours in memory. What lies outside is read as zero, which adds nothing.
            int i = aColumn == 1 ? t / DEPTH : t % TILE;
            int l = aColumn == 1 ? t % DEPTH : t / TILE;
            int inside = firstRow + i < m && first + l < inner;
            tileA[i][l] = inside ? a[(size_t) (firstRow + i) * aRow + (size_t) (first + l) * aColumn] : 0;
            int j = bColumn == 1 ? t % TILE : t / DEPTH;
            l = bColumn == 1 ? t / TILE : t % DEPTH;
            inside = firstColumn + j < n && first + l < inner;
            tileB[l][j] = inside ? b[(size_t) (first + l) * bRow + (size_t) (firstColumn + j) * bColumn] : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int l = 0; l < DEPTH; l++) {
            VECTOR right = LOAD(x, tileB[l]);
            for (int r = 0; r < ROWS; r++) {
                sums[r] += tileA[y + r * STEP][l] * right;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int r = 0; r < ROWS; r++) {
        int row = firstRow + y + r * STEP;
        float numbers[WIDTH];
        STORE(sums[r], 0, numbers);
        for (int w = 0; w < WIDTH; w++) {
            int column = firstColumn + x * WIDTH + w;
            if (row < m && column < n) {
                size_t at = (size_t) row * n + column;
                c[at] = accumulate ? c[at] + numbers[w] : numbers[w];
            }
        }
    }
}
