// The product of gemm.cl as one would write it on paper, one work item for each number of C, for devices without the local memory or the groups
// that tiles need. Every number of A is fetched n times and every number of B m times.
kernel void gemm(
        int m,
        int n,
        int inner,
        global const float *a,
        int aRow,
        int aColumn,
        global const float *b,
        int bRow,
        int bColumn,
        global float *c,
        int accumulate) {
    int column = get_global_id(0);
    int row = get_global_id(1);
    if (row >= m || column >= n) {
        return;
    }
    float sum = 0;
    for (int l = 0; l < inner; l++) {
        sum += a[(size_t) row * aRow + (size_t) l * aColumn] * b[(size_t) l * bRow + (size_t) column * bColumn];
    }
    size_t at = (size_t) row * n + column;
    c[at] = accumulate ? c[at] + sum : sum;
}
