#!/bin/sh
# Makes a Docker image for the tests from what is on this machine: its Java, with the libraries that it
# needs, and Kafka's jars from the cache that the tests fill. Nothing is downloaded. Linux only.
#
#   sh test/kafka/broker/local-image.sh [NAME]      (default millrace-kafka:local)
set -eu

image=${1:-millrace-kafka:local}
jars=${XDG_CACHE_HOME:-$HOME/.cache}/millrace/kafka-4.3.1
java_home=$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")
[ -d "$jars" ] || { echo "no jars in $jars: run the Kafka tests with Java first" >&2; exit 1; }

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/tmp" "$root/bin" "$root/etc" "$root/opt/kafka/libs" "$root/var/lib"
chmod 1777 "$root/tmp"
cp "$jars"/*.jar "$root/opt/kafka/libs/"
cp -L /bin/sh "$root/bin/sh"
echo 'root:x:0:0:root:/tmp:/bin/sh' >"$root/etc/passwd"

# -L: Debian's Java has links to /etc, which become files here. What points nowhere is not needed.
mkdir -p "$root$java_home"
cp -rL "$java_home/bin" "$java_home/lib" "$java_home/conf" "$root$java_home/" 2>/dev/null || true

# The libraries of all programs of Java, with the loader.
find "$java_home" "$(readlink -f /bin/sh)" -type f \( -perm -u+x -o -name '*.so' \) -exec ldd {} + 2>/dev/null |
  sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-[^ ]*\) .*/\1/p' | sort -u >"$root/libraries"
# And what the codecs need, whose libraries lie inside the jars.
libc=$(grep '/libc\.so' "$root/libraries")
for name in libpthread.so.0 libdl.so.2 librt.so.1 libm.so.6; do
  ls "$(dirname "$libc")/$name" 2>/dev/null >>"$root/libraries" || true
done
while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done <"$root/libraries"
rm "$root/libraries"
# The locale in which passwords may have any letter.
mkdir -p "$root/usr/lib/locale"
cp -r /usr/lib/locale/C.utf8 "$root/usr/lib/locale/" 2>/dev/null || true

tar -C "$root" -c . | docker import --change "ENV PATH=$java_home/bin:/bin" - "$image"
