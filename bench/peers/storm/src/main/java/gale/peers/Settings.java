// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.io.Serializable;

/** What every task of a topology has to know; a part of its serialized form. */
final class Settings implements Serializable {
    private static final long serialVersionUID = 1L;

    final String control;
    final long driver;
    final long seed;
    /** Of one spout task a second; 0: as fast as it can. */
    final double rate;
    final boolean isAcked;

    Settings(String control, long driver, long seed, double rate, boolean isAcked) {
        this.control = control;
        this.driver = driver;
        this.seed = seed;
        this.rate = rate;
        this.isAcked = isAcked;
    }

    Meter.Task meter(String component) {
        return Meter.task(component, control, driver);
    }
}
