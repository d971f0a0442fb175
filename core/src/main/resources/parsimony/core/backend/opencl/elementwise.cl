// One work item for every number: the simplest kind of kernel. The host starts as many items as there are numbers, rounded up to whole
// groups, so each item first asks whether there is a number for it. Neighbouring items touch neighbouring numbers, which the hardware
// fetches in one go ("coalesced"); such kernels are as fast as memory is, whatever they compute.

// y += factor * x
kernel void add_scaled(int count, float factor, global const float *x, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        y[i] += factor * x[i];
    }
}

// y[row][column] += bias[column]
kernel void add_bias(int count, int columns, global const float *bias, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        y[i] += bias[i % columns];
    }
}

// y[row][column] = x[row][column] * factors[column]
kernel void scale_columns(int count, int columns, global const float *x, global const float *factors, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        y[i] = x[i] * factors[i % columns];
    }
}

// y = value
kernel void fill(int count, float value, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        y[i] = value;
    }
}

// y = the sum of the parts, or y += it; always in the order of the parts, so that the same numbers give the same sum.
kernel void sum_parts(
        int count,
        int parts,
        int accumulate,
        global const float *x, // [parts][count]
        global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        float sum = accumulate ? y[i] : 0;
        for (int part = 0; part < parts; part++) {
            sum += x[(size_t) part * count + i];
        }
        y[i] = sum;
    }
}
