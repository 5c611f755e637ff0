// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.io.Serializable;
import java.util.HashMap;
import java.util.Map;

/** The command line, `key=value…`; a part of the job's serialized form. */
final class Settings implements Serializable {
    private static final long serialVersionUID = 1L;

    private final Map<String, String> values = new HashMap<>();

    Settings(String[] args) {
        for (String arg : args) {
            int at = arg.indexOf('=');
            values.put(arg.substring(0, at), arg.substring(at + 1));
        }
    }

    String text(String key) {
        String value = values.get(key);
        if (value == null) {
            throw new IllegalArgumentException("missing argument " + key + "=");
        }
        return value;
    }

    long number(String key) {
        return Long.parseLong(text(key));
    }

    boolean is(String key, String value) {
        return text(key).equals(value);
    }

    Meter.Task meter(String component) {
        return Meter.task(component, text("control"), number("driver"));
    }
}
