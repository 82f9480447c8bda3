import { multiLevelRedis } from './multi-level.js';
const c:any[]=[];
const b:any={rounds:5,scale:1,signal:new AbortController().signal,closing:(f:any)=>c.push(f),say(){}};
for (const f of await multiLevelRedis.measure(b)) console.log(f.what, f.series.map(s=>s.name+' '+s.values.map(v=>v.toFixed(1)).join(' ')).join(' | '));
for(const f of c) await f(); process.exit(0);
