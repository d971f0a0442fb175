package parsimony.core.backend.opencl;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import parsimony.core.backend.DeviceException;

/**
 * A device of an OpenCL platform.
 *
 * @param id the library's handle
 * @param name as the driver tells it, with the platform's
 * @param gpu whether it is a graphics card
 */
record Device(MemorySegment id, String name, boolean gpu, int computeUnits, Limits limits) {
    /** The system property, and the environment variable, that hold a part of the name of the device to be used. */
    static final String PROPERTY = "parsimony.opencl.device";

    static final String VARIABLE = "PARSIMONY_OPENCL_DEVICE";

    /**
     * The device whose name holds what {@link #PROPERTY} or {@link #VARIABLE} says; without these the graphics card with the most compute units, or where
     * there is none, the other device with the most.
     *
     * @throws DeviceException if there is none that can be used; the message says why
     */
    static Device choose(OpenCl library) {
        String wanted = System.getProperty(PROPERTY, System.getenv().getOrDefault(VARIABLE, ""));
        return choose(library, wanted);
    }

    static Device choose(OpenCl library, String wanted) {
        List<MemorySegment> platforms = library.platforms();
        if (platforms.isEmpty()) {
            throw new DeviceException("the OpenCL library knows no driver; on Debian install your card's, or"
                    + " pocl-opencl-icd for the CPU");
        }
        List<Device> usable = new ArrayList<>();
        List<String> unusable = new ArrayList<>();
        for (MemorySegment platform : platforms) {
            String platformName = library.platformText(platform, OpenCl.PLATFORM_NAME);
            for (MemorySegment id : library.devices(platform)) {
                Device device = of(library, platformName, id);
                String reason = unusable(library, id);
                if (reason == null) {
                    usable.add(device);
                } else {
                    unusable.add(device.name + " " + reason);
                }
            }
        }
        if (usable.isEmpty()) {
            throw new DeviceException(
                    unusable.isEmpty()
                            ? "OpenCL's drivers find no device"
                            : "no OpenCL device can be used: " + String.join("; ", unusable));
        }
        String part = wanted.toLowerCase(Locale.ROOT);
        return usable.stream()
                .filter(device -> device.name.toLowerCase(Locale.ROOT).contains(part))
                .max(Comparator.comparing(Device::gpu).thenComparing(Device::computeUnits))
                .orElseThrow(() -> new DeviceException("no OpenCL device has '" + wanted + "' in its name (" + PROPERTY
                        + " or " + VARIABLE + "); there are "
                        + usable.stream().map(Device::name).collect(Collectors.joining(", "))));
    }

    private static Device of(OpenCl library, String platform, MemorySegment id) {
        Limits limits = new Limits(
                library.deviceNumber(id, OpenCl.DEVICE_MAX_WORK_GROUP_SIZE),
                library.deviceNumber(id, OpenCl.DEVICE_LOCAL_MEM_SIZE),
                library.deviceNumber(id, OpenCl.DEVICE_GLOBAL_MEM_SIZE),
                library.deviceNumber(id, OpenCl.DEVICE_MAX_MEM_ALLOC_SIZE));
        return new Device(
                id,
                library.deviceText(id, OpenCl.DEVICE_NAME) + " (" + platform + ")",
                (library.deviceNumber(id, OpenCl.DEVICE_TYPE) & OpenCl.DEVICE_TYPE_GPU) != 0,
                (int) library.deviceNumber(id, OpenCl.DEVICE_MAX_COMPUTE_UNITS),
                limits);
    }

    /** Why nothing can run there, or null. */
    private static String unusable(OpenCl library, MemorySegment id) {
        if (library.deviceNumber(id, OpenCl.DEVICE_AVAILABLE) == 0) {
            return "is not available";
        }
        if (library.deviceNumber(id, OpenCl.DEVICE_COMPILER_AVAILABLE) == 0) {
            return "has no compiler for kernels";
        }
        if (library.deviceNumber(id, OpenCl.DEVICE_ENDIAN_LITTLE) == 0) {
            return "is big-endian, which packed weights are not";
        }
        String version = library.deviceText(id, OpenCl.DEVICE_VERSION);
        return version.startsWith("OpenCL 1.0") || version.startsWith("OpenCL 1.1")
                ? "has " + version + ", and 1.2 is needed"
                : null;
    }
}
