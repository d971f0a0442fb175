// The product of gemm.cl as one would write it on paper, one work item for each number of C, for devices without the local memory or the groups
// that tiles need. Every number of A is fetched n times and every number of B m times.
kernel void gemm(
        int m,
        int n,
        int inner,
        global const float *a,
        int aOffset,
        int aRow,
        int aColumn,
        int aOuter,
        int aInner,
        global const float *b,
        int bOffset,
        int bRow,
        int bColumn,
        int bOuter,
        int bInner,
        global float *c,
        int cOffset,
        int cRow,
        int cOuter,
        int cInner,
        int innerCount,
        int accumulate) {
    int column = get_global_id(0);
    int row = get_global_id(1);
    int outer = get_global_id(2) / innerCount;
    int within = get_global_id(2) % innerCount;
    if (row >= m || column >= n) {
        return;
    }
    a += aOffset + (size_t) outer * aOuter + (size_t) within * aInner + (size_t) row * aRow;
    b += bOffset + (size_t) outer * bOuter + (size_t) within * bInner + (size_t) column * bColumn;
    c += cOffset + (size_t) outer * cOuter + (size_t) within * cInner + (size_t) row * cRow + column;
    float sum = 0;
    for (int l = 0; l < inner; l++) {
        sum += a[(size_t) l * aColumn] * b[(size_t) l * bRow];
    }
    *c = accumulate ? *c + sum : sum;
}
