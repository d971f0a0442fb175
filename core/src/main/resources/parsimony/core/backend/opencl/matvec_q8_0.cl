// Matrix x vector with weights in GGUF's Q8_0: blocks of 32 neighbours of a row, 34 bytes each: a half that is their scale, then 32 signed bytes.
// w = scale * code. The blocks are multiplied as they lie in the file. The items of a group read neighbouring codes; those of one block read the same
// scale, which costs one fetch for all of them.

#define BLOCK 32
#define BLOCK_BYTES 34

float weight_at(global const uchar *row, int i) {
    global const uchar *block = row + (size_t) (i / BLOCK) * BLOCK_BYTES;
    float scale = vload_half(0, (global const half *) block);
    return scale * (char) block[2 + i % BLOCK];
}

kernel void matvec(
        int columns,
        global const uchar *weights, // [outputs][columns / 32] blocks
        global const float *x,       // [inputs][columns]
        global float *y,             // [inputs][outputs]
        local float *partial) {
    int lane = get_local_id(0);
    size_t output = get_group_id(0);
    size_t input = get_group_id(1);
    global const uchar *row = weights + output * (columns / BLOCK) * BLOCK_BYTES;
    x += input * columns;
    float sum = 0;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            sum += weight_at(row, i) * x[i];
        }
    }
    sum = group_sum(sum, partial);
    if (lane == 0) {
        y[input * get_num_groups(0) + output] = sum;
    }
}

// As in matvec_f16.cl.
kernel void decode(int columns, global const uchar *weights, global float *decoded) {
    int i = get_global_id(0);
    size_t row = get_global_id(1);
    if (i < columns) {
        decoded[row * columns + i] = weight_at(weights + row * (columns / BLOCK) * BLOCK_BYTES, i);
    }
}
