"""Write a .conda package by hand: stdlib + a zstd module. No conda, no conda-build."""
import hashlib, io, json, os, pathlib, stat, sys, tarfile, time, zipfile
try: from compression import zstd
except ImportError: from backports import zstd
PLACE = "/opt/" + "placehold_" * 24
def pack(out, d, name, version, build, subdir, depends=(), noarch=None, entry_points=(), license="MIT", level=3, run_exports=None):
    d = pathlib.Path(d); paths = []; ph = PLACE.encode()
    for p in sorted(d.rglob("*")):
        rel = p.relative_to(d).as_posix()
        if p.is_symlink(): paths.append(dict(_path=rel, path_type="softlink", sha256=hashlib.sha256(p.read_bytes() if p.is_file() else b"").hexdigest(), size_in_bytes=p.stat().st_size if p.exists() else 0)); continue
        if p.is_dir(): continue
        b = p.read_bytes(); e = dict(_path=rel, path_type="hardlink", sha256=hashlib.sha256(b).hexdigest(), size_in_bytes=len(b))
        if ph in b: e |= dict(prefix_placeholder=PLACE, file_mode="binary" if b"\0" in b else "text")
        paths.append(e)
    index = dict(name=name, version=version, build=build, build_number=0, depends=list(depends), constrains=[], subdir=subdir, arch=None if noarch else "x86_64", platform=None if noarch else "linux", license=license, timestamp=1700000000000)
    if noarch: index["noarch"] = noarch
    info = {"index.json": index, "paths.json": dict(paths=paths, paths_version=1), "about.json": dict(summary=name)}
    if noarch == "python": info["link.json"] = dict(noarch=dict(type="python", entry_points=list(entry_points)), package_metadata_version=1)
    def tarz(add):
        buf = io.BytesIO()
        with tarfile.open(fileobj=buf, mode="w", format=tarfile.GNU_FORMAT) as t: add(t)
        return zstd.compress(buf.getvalue(), level)
    def own(ti): ti.uid = ti.gid = 0; ti.uname = ti.gname = ""; ti.mtime = 1700000000; return ti
    def add_info(t):
        for n, v in info.items():
            b = json.dumps(v, indent=1).encode(); ti = own(tarfile.TarInfo("info/" + n)); ti.size = len(b); ti.mode = 0o644; t.addfile(ti, io.BytesIO(b))
        b = "".join(p["_path"] + "\n" for p in paths).encode(); ti = own(tarfile.TarInfo("info/files")); ti.size = len(b); ti.mode = 0o644; t.addfile(ti, io.BytesIO(b))
    def add_pkg(t):
        for p in paths: t.add(d / p["_path"], p["_path"], recursive=False, filter=own)
    stem = f"{name}-{version}-{build}"; f = pathlib.Path(out) / subdir / f"{stem}.conda"; f.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(f, "w", zipfile.ZIP_STORED) as z:
        for n, b in (("metadata.json", json.dumps(dict(conda_pkg_format_version=2)).encode()), (f"pkg-{stem}.tar.zst", tarz(add_pkg)), (f"info-{stem}.tar.zst", tarz(add_info))):
            z.writestr(zipfile.ZipInfo(n, (2024, 1, 1, 0, 0, 0)), b)
    return f
def repodata(out):
    """repodata.json by hand (what pixi, rattler and conda read); rattler's index_fs or conda-index do the same."""
    for sub in ("noarch", "linux-64"):
        r = dict(info=dict(subdir=sub), packages={}, **{"packages.conda": {}}, removed=[], repodata_version=1); (pathlib.Path(out)/sub).mkdir(parents=True, exist_ok=True)
        for f in sorted((pathlib.Path(out)/sub).glob("*.conda")):
            with zipfile.ZipFile(f) as z: raw = zstd.decompress(z.read(f"info-{f.stem}.tar.zst"))
            with tarfile.open(fileobj=io.BytesIO(raw)) as t: rec = json.load(t.extractfile("info/index.json"))
            b = f.read_bytes(); rec |= dict(md5=hashlib.md5(b).hexdigest(), sha256=hashlib.sha256(b).hexdigest(), size=len(b)); r["packages.conda"][f.name] = rec
        (pathlib.Path(out)/sub/"repodata.json").write_text(json.dumps(r, indent=1, sort_keys=True))
