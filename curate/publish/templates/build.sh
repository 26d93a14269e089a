#!/usr/bin/env bash
# Builds the image of an instance from the files of this directory: `./build.sh INSTANCE_ID [TAG]`.
#
# Needs docker with BuildKit, git and Python 3; fetches uv and CPython, as they were recorded, and the
# repository's commit. Variables: REPOSITORY (address or path of the repository, else GitHub's), UV
# and PYTHON_PREFIX (paths, instead of downloads), DOCKER (path), CA_BUNDLE (path) and INDEX_URL, for a
# network of one's own.
set -euo pipefail
docker=${DOCKER:-docker}
here=$(cd "$(dirname "$0")" && pwd)
folder=$here/images/${1:?the instance id is missing}
if [ ! -f "$folder/context/install.sh" ]; then
  echo "build.sh: there are no files to build $1 from: unknown, or validated before they were recorded" >&2
  exit 2
fi
tag=${2:-curate-rebuilt:$(printf %s "$1" | tr -c 'A-Za-z0-9_.-' - | tail -c 120)}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
context=$work/context
cp -R "$folder/context" "$context"
read_file() { [ ! -f "$folder/context/$1" ] || cat "$folder/context/$1"; }
if [ -f "$context/repack_sdist.py" ]; then # of archives that uv does not read
  mv "$context/archives" "$work/archives"
  mkdir "$context/archives"
  SSL_CERT_FILE=${CA_BUNDLE:-${SSL_CERT_FILE:-}} python3 "$context/repack_sdist.py" "$work/archives" "$context/archives"
elif [ -f "$context/archives" ]; then
  echo "build.sh: this instance needs repacked source distributions, validated before they were recorded" >&2
  exit 2
fi

uv=${UV:-}
if [ -z "$uv" ]; then
  python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work/wheel" \
    "uv==$(read_file uv.version)"
  python3 -m zipfile -e "$work"/wheel/uv-*.whl "$work/wheel"
  uv=$(echo "$work"/wheel/uv-*.data/scripts/uv)
fi
cp "$uv" "$context/uv"
chmod 755 "$context/uv"

prefix=${PYTHON_PREFIX:-}
if [ -z "$prefix" ]; then
  export UV_PYTHON_INSTALL_DIR=$work/python
  python=$(read_file python.version)
  "$context/uv" python install --no-bin "$python" || {
    python=${python%.*} # a later patch release
    "$context/uv" python install --no-bin "$python"
  }
  program=$("$context/uv" python find --no-project --managed-python "$python")
  prefix=$(dirname "$(dirname "$(readlink -f "$program")")")
fi

if [ -n "${CA_BUNDLE:-}" ]; then
  cp "$CA_BUNDLE" "$context/ca.pem"
  for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; do
    echo "export $name=/mnt/ca.pem"
  done >> "$context/build.env"
fi
if [ -n "${INDEX_URL:-}" ]; then
  printf 'export %s=%q\n' UV_DEFAULT_INDEX "$INDEX_URL" PIP_INDEX_URL "$INDEX_URL" >> "$context/build.env"
fi

# A repository with one commit and its files, and no way to later ones.
fetch() { # folder, address, commit
  git init --quiet --template= "$1"
  git -C "$1" -c protocol.file.allow=always fetch --quiet --depth 1 --no-tags "$2" "$3"
}
check_out() { # folder, address, commit
  fetch "$1" "$2" "$3"
  rm -f "$1/.git/FETCH_HEAD"
  echo "$3" > "$1/.git/shallow"
  echo "$3" > "$1/.git/HEAD"
  git -C "$1" read-tree "$3"
  git -C "$1" checkout-index --all
  git -C "$1" update-index -q --refresh
  rm -rf "$1/.git/branches" "$1/.git/logs"
}
write_step() { # file, address, older commit, commit
  rm -rf "$work/step"
  fetch "$work/step" "$2" "$3"
  fetch "$work/step" "$2" "$4"
  printf '%s\n' "$4" "^$3" | git -C "$work/step" pack-objects --quiet --revs --stdout > "$context/$1"
}
find_submodule() { # path: prints its address
  git -C "$context/checkout" config remote.origin.url "$repository"
  git -C "$context/checkout" submodule --quiet init -- "$1"
  while IFS= read -r -d '' entry; do
    [ "${entry#*$'\n'}" != "$1" ] || name=${entry%%$'\n'*}
  done < <(git -C "$context/checkout" config -z --file .gitmodules --get-regexp '\.path$')
  git -C "$context/checkout" config "${name%.path}.url"
  git -C "$context/checkout" config --remove-section "${name%.path}"
  git -C "$context/checkout" config --remove-section remote.origin
}
read -r name base_commit < "$folder/source"
repository=${REPOSITORY:-https://github.com/$name.git}
commit=$(read_file checkout.commit)
check_out "$context/checkout" "$repository" "$commit"
if [ "$commit" != "$base_commit" ]; then
  write_step step.pack "$repository" "$commit" "$base_commit"
fi
read_file submodules | while IFS= read -r path; do
  link=$(git -C "$context/checkout" ls-tree "$commit" -- "$path" | sed -n 's/^160000 commit \([0-9a-f]*\).*/\1/p')
  [ -n "$link" ] || continue
  address=$(find_submodule "$path")
  rm -rf -- "${context:?}/checkout/$path"
  check_out "$context/checkout/$path" "$address" "$link"
  read_file submodule.steps | while read -r step older newer moved; do
    [ "$moved" != "$path" ] || write_step "$step" "$address" "$older" "$newer"
  done
done
git -C "$context/checkout" update-index -q --refresh || true

below=
for ((n = 1; ; n++)); do
  files=("$folder/$n-"*.Dockerfile)
  [ -f "${files[0]}" ] || break
  sed "1s|^FROM .*|FROM ${below:-$(sed -n '1s/^FROM //p' "${files[0]}")}|" "${files[0]}" > "$work/Dockerfile"
  source=$context
  rm -f "$work/Dockerfile.dockerignore"
  case ${files[0]} in
    *-python.Dockerfile)
      source=$prefix
      cp "$folder/context/python.dockerignore" "$work/Dockerfile.dockerignore"
      ;;
  esac
  echo "build.sh: $(basename "${files[0]}")" >&2
  DOCKER_BUILDKIT=1 "$docker" build --quiet --tag "$tag-layer-$n" --file "$work/Dockerfile" "$source" > /dev/null
  below=$tag-layer-$n
done
"$docker" tag "$below" "$tag"
echo "$tag"
