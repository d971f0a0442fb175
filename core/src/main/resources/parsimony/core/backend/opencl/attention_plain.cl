// What attention.cl computes, by one work item for each query of each head, for devices without the local memory or the groups that tiles need. Every
// query reads all its keys and values from the device's memory, and the sums stand where the output will be.
kernel void attend(
        global const float *queries,
        int firstRow,
        int rows,
        int heads,
        int keyValueHeads,
        int headSize,
        float scale,
        global const float *keys,
        global const float *values,
        int firstKey,
        int keyCount,
        int seenByFirst,
        int committed,
        global const float *branches,
        global float *output) {
    int row = get_global_id(1);
    int head = get_global_id(2);
    int keyWidth = keyValueHeads * headSize;
    size_t place = (size_t) (firstRow + row) * heads * headSize + head * headSize;
    size_t firstPlace = (size_t) firstKey * keyWidth + head / (heads / keyValueHeads) * headSize;
    float greatest = -FLT_MAX;
    float total = 0;
    for (int i = 0; i < headSize; i++) {
        output[place + i] = 0;
    }
    int end = branches ? keyCount : min(keyCount, seenByFirst + row);
    for (int key = 0; key < end; key++) {
        if (branches && key >= committed && branches[(size_t) row * (keyCount - committed) + key - committed] == 0) {
            continue;
        }
        size_t from = firstPlace + (size_t) key * keyWidth;
        float score = 0;
        for (int i = 0; i < headSize; i++) {
            score += queries[place + i] * keys[from + i];
        }
        score *= scale;
        float newGreatest = fmax(greatest, score);
        float correction = exp(greatest - newGreatest);
        float weight = exp(score - newGreatest);
        greatest = newGreatest;
        total = total * correction + weight;
        for (int i = 0; i < headSize; i++) {
            output[place + i] = output[place + i] * correction + weight * values[from + i];
        }
    }
    for (int i = 0; i < headSize; i++) {
        output[place + i] = total == 0 ? 0 : output[place + i] / total;
    }
}
