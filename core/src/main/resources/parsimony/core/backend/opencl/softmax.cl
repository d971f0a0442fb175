// softmax over rows, in place, and each row's log of the sum of exponentials. Three walks over a row by the items of one group: for the greatest
// number, which is subtracted so that no exponential overflows; for the exponentials and their sum; for the division. (attention.cl does all
// three in one walk.) A row of -infinity becomes zeros.
kernel void softmax(int columns, global float *x, global float *logSums, local float *partial) {
    int lane = get_local_id(0);
    size_t row = get_group_id(1);
    global float *numbers = x + row * columns;
    float greatest = -INFINITY;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            greatest = fmax(greatest, numbers[i]);
        }
    }
    greatest = group_max(greatest, partial);
    int empty = greatest == -INFINITY;
    float sum = 0;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            float p = empty ? 0 : exp(numbers[i] - greatest);
            numbers[i] = p;
            sum += p;
        }
    }
    sum = group_sum(sum, partial);
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            numbers[i] = empty ? 0 : numbers[i] / sum;
        }
    }
    if (lane == 0) {
        logSums[row] = empty ? -INFINITY : greatest + log(sum);
    }
}

// softmax(scale * x) over what each row of a causal attention sees, in place: row r of every text's [length][length] scores sees columns 0 ... r, and what
// it does not see becomes zero.
kernel void softmax_causal(int length, float scale, global float *x, local float *partial) {
    int lane = get_local_id(0);
    size_t row = get_group_id(1);
    int seen = row % length + 1;
    global float *numbers = x + row * length;
    float greatest = -INFINITY;
    for (int i = lane; i < seen; i += get_local_size(0)) {
        greatest = fmax(greatest, numbers[i]);
    }
    greatest = group_max(greatest, partial);
    float sum = 0;
    for (int i = lane; i < seen; i += get_local_size(0)) {
        float p = exp(scale * (numbers[i] - greatest));
        numbers[i] = p;
        sum += p;
    }
    float factor = 1 / group_sum(sum, partial);
    for (int i = lane; i < length; i += get_local_size(0)) {
        numbers[i] = i < seen ? numbers[i] * factor : 0;
    }
}

// The gradient of the scores, in place of that of the probabilities p: dx = scale * p * (dp - the row's sum of p * dp).
kernel void softmax_causal_backward(
        int length, float scale, global const float *probabilities, global float *d, local float *partial) {
    int lane = get_local_id(0);
    size_t row = get_group_id(1);
    int seen = row % length + 1;
    global const float *p = probabilities + row * length;
    d += row * length;
    float shift = 0;
    for (int i = lane; i < seen; i += get_local_size(0)) {
        shift += p[i] * d[i];
    }
    shift = group_sum(shift, partial);
    for (int i = lane; i < length; i += get_local_size(0)) {
        d[i] = i < seen ? scale * p[i] * (d[i] - shift) : 0;
    }
}
