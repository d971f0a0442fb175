// softmax(Q * K^T * scale) * V by tiles of keys, without ever holding the scores of a whole row (FlashAttention; Dao et al., 2022). A group serves
// a few neighbouring queries of one head: it copies a tile of keys and values to local memory, where each of its queries uses them; each item scores one
// key for one query. The softmax is computed as scores come (Milakov and Gimelshein, 2018): what was summed up before a new greatest score appeared is
// multiplied by exp(old maximum - new maximum). Query head h reads key/value head h / (heads / keyValueHeads).
//
// Tiles begin at the same keys whatever the number of queries, and what a query does not see adds zeros, so a query gets the bits that it gets
// alone. In a decode step there is one query a head, and the device runs as many groups as there are heads; a card with more units than that would
// gain from cutting the keys, too, as Flash-Decoding does.

kernel void attend(
        global const float *queries, // [.][heads][headSize]
        int firstRow,                // of the queries and of the output
        int rows,
        int heads,
        int keyValueHeads,
        int headSize,
        float scale,
        global const float *keys,    // [.][keyValueHeads][headSize]
        global const float *values,
        int firstKey,
        int keyCount,
        int seenByFirst,             // row r sees the first seenByFirst + r keys ...
        int committed,               // ... but from this key on, where there are branches, those that they say
        global const float *branches, // [rows][keyCount - committed], 1 where a row sees a key; or null
        global float *output,        // as the queries
        local float *tileKeys,       // [lanes][headSize + 1]
        local float *tileValues,     // [lanes][headSize]
        local float *tileQueries,    // [slots][headSize]
        local float *sums,           // [slots][headSize]
        local float *scores) {       // [slots][lanes]
    int lane = get_local_id(0);
    int lanes = get_local_size(0);
    int slot = get_local_id(1);
    int slots = get_local_size(1);
    int row = get_global_id(1);
    int head = get_global_id(2);
    int queryWidth = heads * headSize;
    int keyWidth = keyValueHeads * headSize;
    int keyHead = head / (heads / keyValueHeads) * headSize;
    size_t place = (size_t) (firstRow + row) * queryWidth + head * headSize;
    tileQueries += slot * headSize;
    sums += slot * headSize;
    scores += slot * lanes;

    for (int i = lane; i < headSize; i += lanes) {
        tileQueries[i] = row < rows ? queries[place + i] : 0;
        sums[i] = 0;
    }
    float greatest = -FLT_MAX;
    float total = 0;
    int lastRow = min(rows, (int) (get_group_id(1) + 1) * slots) - 1;
    int end = branches ? keyCount : min(keyCount, seenByFirst + lastRow);

    for (int first = 0; first < end; first += lanes) {
        int item = slot * lanes + lane;
        for (int i = item; i < lanes * headSize; i += lanes * slots) {
            int key = first + i / headSize;
            size_t from = (size_t) (firstKey + key) * keyWidth + keyHead + i % headSize;
            // One column more than is used, as in gemm.cl.
            tileKeys[i / headSize * (headSize + 1) + i % headSize] = key < keyCount ? keys[from] : 0;
            tileValues[i] = key < keyCount ? values[from] : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);

        int key = first + lane;
        int seen = key < keyCount && row < rows;
        if (seen) {
            seen = branches && key >= committed
                    ? branches[(size_t) row * (keyCount - committed) + key - committed] != 0
                    : branches || key < seenByFirst + row;
        }
        float product = 0;
        for (int i = 0; i < headSize; i++) {
            product += tileQueries[i] * tileKeys[lane * (headSize + 1) + i];
        }
        scores[lane] = seen ? scale * product : -INFINITY;
        barrier(CLK_LOCAL_MEM_FENCE);

        float newGreatest = greatest;
        for (int i = 0; i < lanes; i++) {
            newGreatest = fmax(newGreatest, scores[i]);
        }
        float correction = exp(greatest - newGreatest);
        greatest = newGreatest;
        barrier(CLK_LOCAL_MEM_FENCE);
        scores[lane] = exp(scores[lane] - greatest);
        barrier(CLK_LOCAL_MEM_FENCE);

        total *= correction;
        for (int i = 0; i < lanes; i++) {
            total += scores[i];
        }
        for (int i = lane; i < headSize; i += lanes) {
            float sum = sums[i] * correction;
            for (int k = 0; k < lanes; k++) {
                sum += scores[k] * tileValues[k * headSize + i];
            }
            sums[i] = sum;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (row < rows) {
        for (int i = lane; i < headSize; i += lanes) {
            output[place + i] = total == 0 ? 0 : sums[i] / total;
        }
    }
}
