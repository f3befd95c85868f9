/* The gateway's sentences: what the console knows of them is what the gateway's source says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import i18next, { type TFunction } from 'i18next';
import { beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '../src/api/client';
import en from '../src/i18n/en.json';
import table from '../src/i18n/said.zh-CN.json';
import zh from '../src/i18n/zh-CN.json';
import { saidText } from '../src/lib/said';
import { errorText } from '../src/lib/words';

let t: TFunction;
beforeAll(async () => {
  await i18next.init({ lng: 'zh-CN', resources: { en: { translation: en }, 'zh-CN': { translation: zh } }, interpolation: { escapeValue: false } });
  t = i18next.getFixedT('zh-CN');
});

describe('sentences of the gateway', () => {
  const src = join(import.meta.dirname, '../../src');
  const source = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((f) => /\.(rs|toml)$/.test(f))
    .map((f) => readFileSync(join(src, f), 'utf8'))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .replaceAll('\\"', '"');
  it.each(table.gateway)('%s', (from = '', to = '') => {
    // Holes may be called otherwise from time to time.
    const parts = from.split(/\{[^{}]*\}/).filter((p) => p.length > 3);
    for (const part of parts) expect(source.includes(part), part).toBe(true);
    const holes = (from.match(/\{[^{}]*\}/g) ?? []).length;
    for (const [, n] of to.matchAll(/\{(\d)\}/g)) expect(Number(n)).toBeLessThanOrEqual(holes);
    expect(to).toMatch(/[\u4e00-\u9fff]/);
  });

  const shown = (text: string): string | undefined => saidText(t, text)?.text;
  it.each([
    ['cannot be reached (connection refused); check address, port and network', '无法连接（连接被拒绝）；请检查地址、端口和网络'],
    ["answers 404: there is no such stream; correct the path of the channel's url", '返回 404：没有这个码流；请更正取流地址中的路径'],
    ['the session stands but no picture came for 10 s; check the camera and the network', '会话仍在，但 10 秒内没有收到画面；请检查摄像机和网络'],
    ["channel 'gate', url: begins with 'http://'; must be rtsp:// or rtsps://; area 'x': the parents form a circle; one area must have no parent", '通道“gate”，取流地址：以“http://”开头；须为 rtsp:// 或 rtsps://；辖区“x”：上级形成循环；必须有一个辖区没有上级'],
    ["rule 'night', for[0].keep_score: is 0.3; must be 0.01 to 0.2", '规则“night”，单个通道 1 · 持续置信度：为 0.3；须在 0.01 到 0.2 之间'],
    ['keep_score: is 0.9; must be 0 to 0.5', '持续置信度：为 0.9；须在 0 到 0.5 之间'],
    ["revision 3 cannot be taken back: the channel 'a' was changed since, by revision 5 (and 2 more); take that back first", '变更 3 无法撤销：通道“a”其后又被变更 5（另有 2 项） 修改；请先撤销那次变更'],
    ['Key frames come rarely; set an interval of 2 s on the camera. Its clock is +12 s off; give it a time server.', '关键帧很少；请在摄像机上将间隔设为 2 秒。时钟偏差 +12 秒；请为其设置时间服务器。'],
    ['this takes the role operator, supervisor or administrator; this login has the role viewer', '此操作需要角色 值班员、班长或管理员；当前账号的角色是 查看员'],
    ['li.na holds this alert or put it aside; only a supervisor or administrator may do \'release\' to it', '此告警由 li.na 持有或搁置；只有班长或管理员可对其执行“release”'],
    ['there would be 20001 areas; at most 20000, of the configuration file and the inventory together: leave out those on which no channel and nobody hangs, or divide the site among several gateways', '将达到 20001 个辖区；配置文件与清单合计最多 20000 个：请删去既无通道也无人员使用的辖区，或将站点分给多台网关'],
    ['the other channels are not all listed: it took too long', '其他通道未全部列出：耗时过长'],
    ['the device refuses user name or password', '设备用户名或密码被拒绝'],
    ['300 of 6314 channels are down (20 offline, 280 unreachable); look at their recorder, switch or power', '6314 路通道中有 300 路中断（离线 20，无法连接 280）；请检查共用的录像机、交换机或电源'],
    ['12 of 16 channels are frozen; what they have in common is where to look', '16 路通道中有 12 路画面冻结；请从它们的共同之处查起'],
    ["channel 'gate' changed", '修改通道“gate”'],
    ['areas.csv: 12 channels added, 1 area removed', 'areas.csv：新增 12 个通道，删除 1 个辖区'],
    ["revision 4 taken back: rule 'r' added", '撤销变更 4：新增规则“r”'],
  ])('%s', (text, chinese) => expect(shown(text)).toBe(chinese));

  it('that are not known are quoted, and none is said of what is as it should be', () => {
    expect(saidText(t, 'the flux capacitor is empty')).toEqual({ text: 'the flux capacitor is empty', own: true });
    // Half a translation is none.
    expect(saidText(t, 'the address has a flux that is off')).toEqual({ text: 'the address has a flux that is off', own: true });
    expect(saidText(t, '3 of 4 channels are down (3 elsewhere); look at their recorder, switch or power')?.text).toContain('（3 elsewhere）');
    expect(saidText(t, 'runs')).toBeNull();
    expect(errorText(t, new ApiError(422, 'invalid', 'the flux is off'))).toBe('网关认为请求无效。 网关原文：the flux is off');
    expect(errorText(t, new ApiError(409, 'conflict', "the id 'a' is taken; choose another"))).toBe('与现有内容冲突。 编号“a”已被使用，请换一个');
  });

  it('are left as they are in English', async () => {
    await i18next.changeLanguage('en');
    expect(saidText(t, 'cannot be used')?.text).toBe('cannot be used');
    expect(saidText(t, 'runs')).toBeNull();
    await i18next.changeLanguage('zh-CN');
  });
  it('cost little however long and odd they are', () => {
    const begun = performance.now();
    for (let i = 0; i < 200; i += 1) saidText(t, `the {} '${"a'; ".repeat(300)}`);
    expect(performance.now() - begun).toBeLessThan(3000);
  });
});
