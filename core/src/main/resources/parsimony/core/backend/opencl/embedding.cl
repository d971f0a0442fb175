// y[i] = table[tokens[i]]: a row of a table for each token.
kernel void embed(int count, int columns, global const float *table, global const int *tokens, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        y[i] = table[(size_t) tokens[i / columns] * columns + i % columns];
    }
}

// The gradient of the table. A token may stand at many places, and items that add to the same number at the same time would lose sums, so the host sorts the
// places by token, and an item adds up one column of all places of one token, in their order: the same numbers give the same sum.
kernel void embed_backward(
        int columns,
        global const int *firsts, // [different tokens + 1]: where each one's places begin in the list of places
        global const int *places, // rows of dy, sorted by token
        global const int *tokens, // of each row
        global const float *dy,
        global float *dTable) {
    int column = get_global_id(0);
    int which = get_group_id(1);
    if (column < columns) {
        int first = firsts[which];
        size_t at = (size_t) tokens[places[first]] * columns + column;
        float sum = dTable[at];
        for (int i = first; i < firsts[which + 1]; i++) {
            sum += dy[(size_t) places[i] * columns + column];
        }
        dTable[at] = sum;
    }
}
