// Matrix x vector with weights of BITS bits, 2 to 8, in groups of any size: what rounding, GPTQ and AWQ leave. w = scale * (code - zero point). The codes
// of a row lie one after the other from the lowest bit on, and may straddle two bytes. Scales and zero points have arrays of their own, so that codes
// are read without gaps. The zero points, packed like one long row of codes, are missing where all are 2^(BITS - 1).
//
// BITS, GROUP, the weights that share a scale, and HALF_SCALES for scales of 16 bits are given by the compiler's options: a division by a known number is a
// shift, or a multiplication. Each buffer of codes has a byte more than it needs, which is read where the last code does not straddle.

#define MASK ((1 << BITS) - 1)

int code_at(global const uchar *codes, uint index) {
    uint bit = index * BITS;
    global const uchar *at = codes + bit / 8;
    int pair = 8 % BITS == 0 ? at[0] : at[0] | at[1] << 8;
    return pair >> bit % 8 & MASK;
}

#ifdef HALF_SCALES
#define SCALE(scales, group) vload_half(group, scales)
typedef half scale_type;
#else
#define SCALE(scales, group) scales[group]
typedef float scale_type;
#endif

float weight_at(
        global const uchar *row,
        int i,
        size_t firstGroup,
        global const scale_type *scales,
        global const uchar *zeroPoints) {
    size_t group = firstGroup + i / GROUP;
    int zeroPoint = zeroPoints ? code_at(zeroPoints, group) : 1 << (BITS - 1);
    return SCALE(scales, group) * (code_at(row, i) - zeroPoint);
}

kernel void matvec(
        int columns,
        global const uchar *weights, // [outputs][rowBytes]
        global const float *x,       // [inputs][columns]
        global float *y,             // [inputs][outputs]
        local float *partial,
        int rowBytes,
        int groups,                  // of a row
        global const scale_type *scales,  // [outputs][groups]
        global const uchar *zeroPoints) {
    int lane = get_local_id(0);
    size_t output = get_group_id(0);
    size_t input = get_group_id(1);
    global const uchar *row = weights + output * rowBytes;
    x += input * columns;
    float sum = 0;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            sum += weight_at(row, i, output * groups, scales, zeroPoints) * x[i];
        }
    }
    sum = group_sum(sum, partial);
    if (lane == 0) {
        y[input * get_num_groups(0) + output] = sum;
    }
}

// As in matvec_f16.cl.
kernel void decode(
        int columns,
        global const uchar *weights,
        global float *decoded,
        int rowBytes,
        int groups,
        global const scale_type *scales,
        global const uchar *zeroPoints) {
    int i = get_global_id(0);
    size_t row = get_global_id(1);
    if (i < columns) {
        decoded[row * columns + i] =
                weight_at(weights + row * rowBytes, i, row * groups, scales, zeroPoints);
    }
}
