// Matrix x vector with weights of 16 bits: half the bytes of matvec_f32.cl, and since bytes are what it waits for, half the time. They become
// 32-bit floats as they are read, and sums are those of 32 bits. vload_half is part of OpenCL itself: a device needs the extension cl_khr_fp16 only to
// compute with halves, not to read them. A bfloat16 is the upper half of a float's bits.
//
// decode writes the weights as 32-bit floats, for products of many inputs: gemm.cl then uses each of them many times.

#ifdef BFLOAT
typedef ushort stored;

float weight_at(global const stored *weights, size_t i) {
    return as_float((uint) weights[i] << 16);
}
#else
typedef half stored;

float weight_at(global const stored *weights, size_t i) {
    return vload_half(i, weights);
}
#endif

kernel void matvec(
        int columns,
        global const stored *weights, // [outputs][columns]
        global const float *x,        // [inputs][columns]
        global float *y,              // [inputs][outputs]
        local float *partial) {
    int lane = get_local_id(0);
    size_t output = get_group_id(0);
    size_t input = get_group_id(1);
    x += input * columns;
    float sum = 0;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            sum += weight_at(weights, output * columns + i) * x[i];
        }
    }
    sum = group_sum(sum, partial);
    if (lane == 0) {
        y[input * get_num_groups(0) + output] = sum;
    }
}

kernel void decode(int columns, global const stored *weights, global float *decoded) {
    int i = get_global_id(0);
    size_t row = get_global_id(1);
    if (i < columns) {
        decoded[row * columns + i] = weight_at(weights, row * columns + i);
    }
}
