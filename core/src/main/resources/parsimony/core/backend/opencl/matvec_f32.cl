// Matrix x vector: what a decode step spends its time on. Every weight is read once and used once, so the kernel is as fast as the weights can be
// read, and all that matters is how they are read. One group computes one output: its items walk along the row of weights side by side, so that
// each fetch is one piece of neighbouring numbers, and add their parts up in the end. Several inputs are the second dimension of the groups; each gets
// the bits that it would get alone.
kernel void matvec(
        int columns,
        global const float *weights, // [outputs][columns]
        global const float *x,       // [inputs][columns]
        global float *y,             // [inputs][outputs]
        local float *partial) {
    int lane = get_local_id(0);
    size_t output = get_group_id(0);
    size_t input = get_group_id(1);
    global const float *row = weights + output * columns;
    x += input * columns;
    float sum = 0;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            sum += row[i] * x[i];
        }
    }
    sum = group_sum(sum, partial);
    if (lane == 0) {
        y[input * get_num_groups(0) + output] = sum;
    }
}
