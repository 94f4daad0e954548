import traceback, collections, os, msgspec
from hypothesis import HealthCheck, given, settings
from tests.web.test_elasticsearch_mutations import *
SEEN = collections.OrderedDict()
@settings(max_examples=int(os.environ.get("N","2000")), suppress_health_check=list(HealthCheck), database=None)
@given(body=mutations())
async def test_collect(site, body):
    try:
        raw = msgspec.json.encode(body)
    except UnicodeEncodeError:
        return
    try:
        a = await site.call("POST", "/elasticsearch/_search", raw)
    except Exception as e:
        tb = traceback.extract_tb(e.__traceback__)
        own = [f"{f.filename.split('tocsin/')[-1]}:{f.lineno}" for f in tb if 'tocsin/' in f.filename][-1]
        k = (type(e).__name__, own)
        if k not in SEEN: SEEN[k] = (1, str(e)[:150], raw[:250])
    else:
        if a.status not in (200,400,413):
            k=(a.status, str(a.body)[:120])
            if k not in SEEN: SEEN[k]=(1,'',raw[:250])
def test_zz_show():
    for k,v in SEEN.items(): print(k, v)
    assert 0
