// SPDX-License-Identifier: Apache-2.0
import java.util.function.IntSupplier;

// Three functions of one body, called through a lambda and an interface.
public class Shares {
  static final int UNIT = 20000;
  static int state = 1;

  // So many units, more or less by half.
  static int units(int count) {
    state = state * 1103515245 + 12345;
    return count * UNIT / 2 + (state >>> 9) % (count * UNIT);
  }

  static int workMuch(int turns) {
    int x = 1;
    for (int i = 0; i < turns; i++) x = x * 1664525 + 1;
    return x;
  }

  static int workSome(int turns) {
    int x = 2;
    for (int i = 0; i < turns; i++) x = x * 1664525 + 1;
    return x;
  }

  static int workLittle(int turns) {
    int x = 3;
    for (int i = 0; i < turns; i++) x = x * 1664525 + 1;
    return x;
  }

  static int inner() { return workMuch(units(60)) + workSome(units(30)); }

  static int outer(IntSupplier what) { return what.getAsInt() + 1; }

  public static void main(String[] arguments) {
    System.out.println("ready");
    for (int sum = 0;;) sum += outer(Shares::inner) + workLittle(units(10));
  }
}
