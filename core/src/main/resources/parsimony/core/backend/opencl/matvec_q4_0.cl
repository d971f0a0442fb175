// Matrix x vector with weights in GGUF's Q4_0: blocks of 32 neighbours of a row, 18 bytes each: a half that is their scale, then 16 bytes with two
// codes each. w = scale * (code - 8). Byte i holds weight i in its low half and weight i + 16 in its high half, so an item that reads one byte has
// two weights, 16 apart, and multiplies both: no byte is read twice.

#define BLOCK 32
#define PAIRS 16
#define BLOCK_BYTES 18

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
    for (int first = 0; first < columns / 2; first += get_local_size(0)) {
        int pair = first + lane;
        if (pair < columns / 2) {
            global const uchar *block = row + (size_t) (pair / PAIRS) * BLOCK_BYTES;
            float scale = vload_half(0, (global const half *) block);
            int codes = block[2 + pair % PAIRS];
            int i = pair / PAIRS * BLOCK + pair % PAIRS;
            sum += scale * ((codes & 15) - 8) * x[i] + scale * ((codes >> 4) - 8) * x[i + PAIRS];
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
        global const uchar *block = weights + (row * (columns / BLOCK) + i / BLOCK) * BLOCK_BYTES;
        int byte = block[2 + i % PAIRS];
        int code = i % BLOCK < PAIRS ? byte & 15 : byte >> 4;
        decoded[row * columns + i] = vload_half(0, (global const half *) block) * (code - 8);
    }
}
